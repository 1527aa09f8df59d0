"""Print the keys of Hadoop's `*-default.xml` that are not empty, for `yarnhub/hadoop/defaults.txt`.

python scripts/hadoop_defaults.py ~/.cache/yarnhub/hadoop-3.4.2 > src/yarnhub/hadoop/defaults.txt
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

FILES = {
    "hadoop-common": "core-default.xml",
    "hadoop-hdfs": "hdfs-default.xml",
    "hadoop-yarn-common": "yarn-default.xml",
}


def read_defaults(jars: Path) -> dict[str, str]:
    """The keys and values of a version, from the folder of its jars."""
    found: dict[str, str] = {}
    for name, file in FILES.items():
        (jar,) = jars.glob(f"{name}-[0-9]*.jar")
        with zipfile.ZipFile(jar) as opened:
            root = ET.fromstring(opened.read(file))
        for each in root.iter("property"):
            # Some lists are written in several lines.
            value = " ".join((each.findtext("value") or "").split())
            if value:
                found[(each.findtext("name") or "").strip()] = value
    return found


if __name__ == "__main__":
    print("# Made by scripts/hadoop_defaults.py.")
    for key, value in sorted(read_defaults(Path(sys.argv[1])).items()):
        print(f"{key}={value}")
