"""Make the list of the classes that Spark uses: `class_list.gz` in `yarnhub.integrations.spark`.

A session with typical work runs on a cluster without Kerberos, and the JVMs of its driver and of
its executor write the names of the classes that they load:

    eval "$(yarnhub cluster env)"
    python scripts/spark_class_list.py build/spark/bin/python

Run it for a new minor version of Spark, with the oldest Java that this version supports.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parents[1]
RESULT = PROJECT / "src" / "yarnhub" / "integrations" / "spark" / "class_list.gz"
SECONDS = 600


def main() -> int:
    """Publish Spark without class data, run the session, and write the list."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    python = Path(sys.argv[1]).absolute()
    yarnhub = Path(sys.executable).parent / "yarnhub"
    published = subprocess.run(
        [yarnhub, "spark", "publish", "--from", python, "--no-class-data"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    folder = re.search(r"^Published: Spark \S+ in (\S+)$", published, re.MULTILINE)
    assert folder is not None
    with tempfile.TemporaryDirectory() as work:
        lists = Path(work) / "lists"
        lists.mkdir(mode=0o777)
        environment = {
            **os.environ,
            "PYSPARK_PYTHON": str(python),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_SUBMIT_ARGS": arguments(folder[1], lists),
        }
        program = Path(work) / "session.py"
        program.write_text(SESSION)
        subprocess.run([python, program], env=environment, check=True, cwd=work, timeout=SECONDS)
        names = merged([lists / "driver.txt", lists / "executor.txt"])
    RESULT.write_bytes(gzip.compress("\n".join(names).encode() + b"\n", 9, mtime=0))
    print(f"{len(names)} lines, {RESULT.stat().st_size} bytes in {RESULT}")
    return 0


def arguments(folder: str, lists: Path) -> str:
    """The arguments of Spark's client."""
    flag = f"-XX:DumpLoadedClassList={lists}"
    settings = {
        "spark.yarn.archive": f"{folder}/spark-libs.tar",
        "spark.yarn.unmanagedAM.enabled": "true",
        "spark.yarn.am.memory": "256m",
        "spark.executor.instances": "1",
        "spark.executor.memory": "512m",
        "spark.executor.extraJavaOptions": f"{flag}/executor.txt",
        "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.port": "0",
    }
    given = " ".join(f"--conf {name}={value}" for name, value in settings.items())
    driver = f"--driver-memory 512m --driver-java-options {flag}/driver.txt"
    return f"--master yarn --deploy-mode client {driver} {given} pyspark-shell"


def merged(files: list[Path]) -> list[str]:
    """The classes of Java's own loaders, of all lists, in the order in which they were loaded."""
    names = {}
    for file in files:
        for line in file.read_text().splitlines():
            # Numbers differ between two lists; with `source:` is what another loader has loaded.
            if line.startswith("#") or " source: " in line:
                continue
            names[re.sub(r" id: \d+$", "", line)] = None
    return list(names)


SESSION = """
import tempfile

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

spark = SparkSession.builder.getOrCreate()
sc = spark.sparkContext
home = f"/tmp/class-list-{sc.applicationId}"
assert spark.range(10**6).selectExpr("sum(id)").collect()[0][0] == 499999500000
people = spark.createDataFrame([(n, f"name {n}", n / 7, n % 5) for n in range(1000)],
                               ["id", "name", "share", "group"])
for kind in ("parquet", "json", "csv", "orc"):
    people.write.mode("overwrite").format(kind).option("header", True).save(f"{home}/{kind}")
    read = spark.read.option("header", True).option("inferSchema", True)
    assert read.format(kind).load(f"{home}/{kind}").count() == 1000
people.write.partitionBy("group").parquet(f"{home}/partitioned")
spark.read.parquet(f"{home}/partitioned").where("group = 3").show(5)
people.createOrReplaceTempView("people")
spark.sql("select `group`, count(*) n, avg(share) a from people group by 1 order by 2 desc").show()
groups = spark.createDataFrame([(n, chr(97 + n)) for n in range(5)], ["group", "letter"])
people.join(groups, "group").groupBy("letter").agg(F.max("share"), F.countDistinct("id")).show()
people.join(groups.hint("merge"), "group", "left").orderBy("id").limit(3).show()
double = F.udf(lambda n: n * 2, "long")
assert people.select(double("id")).agg({"<lambda>(id)": "sum"}).collect()[0][0] == 999000
window = Window.partitionBy("group").orderBy(F.desc("share"))
people.withColumn("rank", F.row_number().over(window)).where("rank < 3").show()
cached = people.where("share > 1").cache()
cached.count(), cached.groupBy("group").count().collect(), cached.unpersist()
words = sc.parallelize(["a b", "b c"] * 100, 4).flatMap(str.split).map(lambda word: (word, 1))
assert dict(words.reduceByKey(lambda a, b: a + b).collect()) == {"a": 100, "b": 200, "c": 100}
sc.broadcast([1, 2]).value, sc.accumulator(0).add(1)
people.describe().show()
people.selectExpr("explode(split(name, ' ')) w", "date_format(now(), 'yyyy')", "md5(name)").show(2)
people.repartition(3).sortWithinPartitions("id").foreachPartition(lambda rows: None)
people.explain()
try:
    people.toPandas()
    people.mapInPandas(lambda parts: parts, people.schema).count()
except ImportError:
    pass
try:
    spark.sql("select missing from people")
except Exception as error:
    print(str(error)[:80])
path = sc._jvm.org.apache.hadoop.fs.Path(home)
path.getFileSystem(sc._jsc.hadoopConfiguration()).delete(path, True)
spark.stop()
"""

if __name__ == "__main__":
    sys.exit(main())
