"""The telemetry contract: topics, columns, batches on the bus. Knows pyarrow, no I/O."""
