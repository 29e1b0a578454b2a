"""The outside world behind the ports: time, workers, broker, stores, metrics, logs."""
