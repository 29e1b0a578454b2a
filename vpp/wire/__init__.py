"""The MQTT contract between controller and gateways, version 1: messages, topics, codec and schemas. No I/O."""
