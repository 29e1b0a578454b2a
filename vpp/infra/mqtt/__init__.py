"""MQTT: the bus over a real broker, and a broker to embed."""
