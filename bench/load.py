"""The load generators: wrk for GET and for images, ab for HEAD, Python for one client. Each gives a dict of figures."""
import os
import re
import subprocess
import time
from statistics import median

import client

HERE = os.path.dirname(os.path.abspath(__file__))
IN_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def wrk(server, path, seconds, connections=16):
    """GET one path as fast as one wrk thread can."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "60s",
               "-H", f"Accept: {client.MANIFEST}"]
    command += [word for name, value in server.headers.items() for word in ("-H", f"{name}: {value}")]
    before = server.cpu()
    said = run(command + [server.url + path])
    used = server.cpu() - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{server.name} {path}: {said}")
    requests = int(re.search(r"(\d+) requests in", said)[1])
    if not requests:
        raise RuntimeError(f"{server.name} {path}: no answer within {seconds} s")
    return {"req/s": float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]), "CPU us": used / requests * 1e6,
            "p50 ms": percentile(said, 50), "p99 ms": percentile(said, 99)}


def percentile(said, which):
    number, unit = re.search(rf"\s{which}%\s+([\d.]+)(us|ms|s|m)", said).groups()
    return float(number) * IN_MS[unit]


def head(server, path, seconds):
    """HEAD one path. wrk waits for the body that Content-Length announces and never ends, hence ab."""
    command = ["ab", "-k", "-q", "-i", "-c", "16", "-t", str(seconds), "-n", "100000000",
               "-H", f"Accept: {client.MANIFEST}"]
    before = server.cpu()
    said = run(command + [server.url + path])
    used = server.cpu() - before
    # ab counts an answer to HEAD as failed when its (empty) body differs from the first one's length: only
    # statuses count here.
    if "Non-2xx" in said:
        raise RuntimeError(f"{server.name} {path}: {said}")
    done = int(re.search(r"Complete requests:\s+(\d+)", said)[1])
    return {"req/s": float(re.search(r"Requests per second:\s+([\d.]+)", said)[1]), "CPU us": used / done * 1e6}


def images(server, script, files, seconds, connections=10):
    """Push or pull images with a wrk script: one wrk thread per connection, so that each keeps its own state."""
    command = ["wrk", f"-t{connections}", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s",
               "-s", os.path.join(HERE, script), server.url, "--", *files]
    before = server.cpu()
    said = run(command)
    used = server.cpu() - before
    failure = re.search(r"failed: (.*)", said)
    if failure:
        raise RuntimeError(f"{server.name} {script}: {failure[1]}")
    done = int(re.search(r"images: (\d+)", said)[1])
    lasted = float(re.search(r"seconds: ([\d.]+)", said)[1])
    return {"images/s": done / lasted, "CPU ms": used / max(done, 1) * 1e3}


def connections(server, word, path, seconds, clients, cipher, resumed):
    """New connections over TLS 1.3 by so many clients at once, each with one request, whose answer is awaited; with a
    ticket of the one before, or without. What a client of openssl reads is plain, so all but its counting is the TLS."""
    command = ["openssl", "s_time", "-connect", server.url.removeprefix("https://"), "-tls1_3", "-ciphersuites", cipher,
               "-www", path, "-time", str(seconds), "-reuse" if resumed else "-new"]
    before, begin = server.cpu(), time.perf_counter()
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(clients)]
    said = [process.communicate()[0] for process in running]
    lasted, used = time.perf_counter() - begin, server.cpu() - before
    done = 0
    for one in said:
        counted = re.search(r"(\d+) connections in \d+ real seconds, (\d+) bytes read", one)
        # A letter for each connection: r for one that was resumed.
        letters = "".join(re.findall(r"^[rt*]+$", one, re.MULTILINE))
        if not counted or counted[2] == "0" or (letters.count("r") != len(letters)) == resumed:
            raise RuntimeError(f"{server.name} {path}: {one[-300:]}")
        done += int(counted[1])
    return {f"{word}/s": done / lasted, f"{word} CPU us": used / done * 1e6}


def again(server, word, request, least, seconds=0.5):
    """One client, one request at a time: `least` of them and at least so long, or the CPU's clock ticks too coarsely.
    Their median, and the CPU time of each."""
    taken, before = [], server.cpu()
    while len(taken) < least or sum(taken) < seconds:
        begin = time.perf_counter()
        request()
        taken.append(time.perf_counter() - begin)
    return {f"{word} ms": median(taken) * 1e3, f"{word} CPU ms": (server.cpu() - before) / len(taken) * 1e3}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr[-500:]} {done.stdout[-500:]}")
    return done.stdout
