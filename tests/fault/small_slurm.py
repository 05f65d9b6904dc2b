# SPDX-License-Identifier: MIT
"""How does a test get a real SLURM of one node? From Debian's packages, as root, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

PACKAGES = ("slurm-wlm", "munge")
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "sinfo", "scancel")
CONFIGURATION = """\
ClusterName=small
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2
ReturnToService=2
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 {node} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=24:00:00 State=UP OverSubscribe=NO
"""


class CannotStartError(Exception):
    """There can be no SLURM here; the message says why."""


class SmallSlurm:
    """A SLURM of this machine alone; all that it writes is below one folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.daemons = []
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self):
        """Start the daemons and wait until the node is idle.

        Raises:
            CannotStartError: Not root, no packages, or a daemon does not start.
        """
        if os.geteuid() != 0:
            raise CannotStartError("a SLURM for tests is started by root only")
        _install()
        host = socket.gethostname().partition(".")[0]
        try:
            socket.gethostbyname(host)
        except OSError as error:
            raise CannotStartError(f"the host name {host} does not resolve") from error
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        self._start_munge()
        node = subprocess.run(["slurmd", "-C"], capture_output=True, text=True, check=True).stdout
        node = " ".join(w for w in node.split() if w.startswith(("CPUs=", "RealMemory=")))
        text = CONFIGURATION.format(host=host, folder=self.folder, node=node)
        (self.folder / "slurm.conf").write_text(text)
        for program in ("slurmctld", "slurmd"):
            self._daemon([program, "-D"])
        end = time.monotonic() + 60
        while "idle" not in self.run("sinfo", "-h", "-o", "%T"):
            if time.monotonic() > end or any(d.poll() is not None for d in self.daemons):
                logs = [p.read_text()[-500:] for p in self.folder.glob("*.log")]
                raise CannotStartError(f"the node does not become idle: {logs}")
            time.sleep(0.5)

    def _start_munge(self):
        """Start munged with a key, socket and log of its own."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        words = ["munged", "--foreground", "--force", f"--key-file={key}"]
        for option, name in (
            *(("socket", "munge.socket"), ("pid-file", "munge.pid")),
            *(("log-file", "munge.log"), ("seed-file", "munge.seed")),
        ):
            words.append(f"--{option}={self.folder / name}")
        self._daemon(words)
        time.sleep(1.0)

    def _daemon(self, words):
        with (self.folder / f"{words[0]}.out").open("w") as out:
            self.daemons.append(
                subprocess.Popen(words, stdout=out, stderr=out, env=os.environ | self.environment)
            )

    def run(self, *words):
        """Run one of SLURM's commands; return what it prints."""
        return subprocess.run(
            words, capture_output=True, text=True, env=os.environ | self.environment, check=False
        ).stdout

    def stop(self):
        """End all jobs, then the daemons that were started here, if any were."""
        if not self.daemons:
            return
        self.run("scancel", "--user=root", "--full")
        end = time.monotonic() + 30
        while self.run("squeue", "-h") and time.monotonic() < end:
            time.sleep(0.5)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _install():
    """Install the packages where this is a machine of continuous integration."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if not missing:
        return
    told = f"there is no {missing[0]}; apt-get install {' '.join(PACKAGES)}"
    if os.environ.get("CI") != "true" or shutil.which("apt-get") is None:
        raise CannotStartError(told)
    words = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *PACKAGES]
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "-qq", "update"], words):
        if subprocess.run(command, env=quiet, capture_output=True, check=False).returncode:
            raise CannotStartError(f"{told} failed")
