"""Edge gateways: each speaks a device protocol on one side and the MQTT contract on the other."""
