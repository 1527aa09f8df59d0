"""A client of a key-value store: does what is asked for on stdin, and tells on stdout how fast.

Runs unchanged with skein 0.8.2 and with ours: the API is the same.
"""

import json
import sys
import threading
import time

import skein

VALUE = b"v" * 100


def submit():
    """An application that does nothing; its id and where its ApplicationMaster is."""
    with skein.Client() as client:
        service = skein.Service(
            resources=skein.Resources(memory="64 MiB", vcores=1), script="sleep 3600"
        )
        master = skein.Master(resources=skein.Resources(memory="512 MiB", vcores=1))
        spec = skein.ApplicationSpec(name="benchmark", services={"idle": service}, master=master)
        app = client.submit_and_connect(spec)
        return app.id, app.address


def operations(app, key, seconds):
    """Puts and gets in turn for some seconds; how many of them a second."""
    count = 0
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        app.kv.put(key, VALUE)
        assert app.kv.get(key) == VALUE
        count += 2
    return count / spent


def latencies(app, other, key, count):
    """Seconds from a put by one client until another one's thread, which waits, has the event."""
    came = []
    waiting, arrived = threading.Semaphore(0), threading.Semaphore(0)

    def wait():
        for _ in range(count):
            waiting.release()
            queue.get()
            came.append(time.perf_counter())
            arrived.release()

    with other.kv.events(key=key, event_type="PUT") as queue:
        thread = threading.Thread(target=wait)
        thread.start()
        found = []
        for number in range(count):
            waiting.acquire()
            time.sleep(0.002)  # until it is in `get`, and all else is at rest
            put = time.perf_counter()
            app.kv.put(key, b"%d" % number)
            arrived.acquire()
            found.append(came[-1] - put)
        thread.join()
    return found


def main():
    """Answer line by line."""
    app = other = None
    for line in sys.stdin:
        match json.loads(line):
            case ["submit"]:
                answer = submit()
            case ["connect", app_id, address]:
                app, other = (skein.ApplicationClient(address, app_id) for _ in range(2))
                answer = len(app.kv)
            case ["operations", key, seconds]:
                answer = operations(app, key, seconds)
            case ["latencies", key, count]:
                answer = latencies(app, other, key, count)
            case ["shutdown"]:
                app.shutdown()
                answer = None
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
