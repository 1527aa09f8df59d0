"""What runs in the process of a kernel with Spark, and starts the driver's JVM there.

It travels to the container under another name, so it imports only the standard library, PySpark,
ipykernel and itself, by relative imports.
"""
