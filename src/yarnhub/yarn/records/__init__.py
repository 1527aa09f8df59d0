"""YARN's messages, by YARN's names: a record is the proto's name without `Proto`.

Field numbers and types are Hadoop's own; `tests/yarn/test_records.py` compares each one with the
descriptors inside Hadoop's jars. A record has the fields that yarnhub uses; other fields are
ignored on receipt.
"""
