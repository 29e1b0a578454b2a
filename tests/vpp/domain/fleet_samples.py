"""A district of two nodes, four participants and five resources, for tests of the controller."""

from vpp.domain.fleet import CustomerClass, Fleet, Node, Participant, Resource, ResourceKind, Site

NODES = (Node("root", "Root", None, 10_000.0, 0.0), Node("line", "Line", "root", 1_000.0, 0.0))
PARTICIPANTS = (
    Participant("factory", "Factory", "工厂", CustomerClass.INDUSTRY),
    Participant("mall", "Mall", "商场", CustomerClass.COMMERCE),
    Participant("store", "Storage", "储能", CustomerClass.STORAGE),
    Participant("clinic", "Clinic", "医院", CustomerClass.HOSPITAL),
)
SITES = (
    Site("s-factory", "factory", "line", CustomerClass.INDUSTRY, 2_000.0),
    Site("s-mall", "mall", "root", CustomerClass.COMMERCE, 2_000.0),
    Site("s-store", "store", "line", CustomerClass.STORAGE, 2_000.0),
    Site("s-clinic", "clinic", "root", CustomerClass.HOSPITAL, 2_000.0),
)
RESOURCES = (
    Resource("line-1", "s-factory", "gw-1", ResourceKind.FACTORY_LINE, 200.0),
    Resource("line-2", "s-factory", "gw-1", ResourceKind.FACTORY_PROCESS, 200.0),
    Resource("cool-1", "s-mall", "gw-2", ResourceKind.COOLING, 300.0),
    Resource("bat-1", "s-store", "gw-3", ResourceKind.STORAGE, 100.0),
    Resource("clinic-1", "s-clinic", "gw-2", ResourceKind.COOLING, 100.0),
)


def sample_fleet() -> Fleet:
    return Fleet.of(nodes=NODES, participants=PARTICIPANTS, sites=SITES, resources=RESOURCES)
