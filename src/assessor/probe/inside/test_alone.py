"""Guarantees that one sandbox can try by itself; the first line of each test is what is promised.

Run by the grader like any task's tests: what the submission tells has crossed the bridge.
"""

from __future__ import annotations

import probe

NOTHING = "0" * 16
REFUSED = {"EPERM", "ENOSYS"}
#: Refused by the right of a file, a mount or a process instead of the filter.
DENIED = REFUSED | {"EACCES", "EROFS", "ESRCH", "ENOENT"}


def refused(*calls: tuple[str | int, tuple]) -> None:
    told = probe.calls(*calls)
    assert {call: got for call, got in told.items() if got not in REFUSED} == {}


# -- Privilege ----------------------------------------------------------------------------------------


def test_user() -> None:
    """The submission runs as an ordinary user that is not the tests' either.

    How: real, effective, saved and file-system ids, all groups, from /proc/self/status
    """
    told = probe.status()
    ids = {*told["Uid"].split(), *told["Gid"].split(), *told["Groups"].split()}
    assert ids == {"10001"}


def test_capabilities() -> None:
    """It holds no capability, and can come by none.

    How: effective, permitted, inheritable, ambient and bounding set from /proc/self/status
    """
    told = probe.status()
    assert {told[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd")} == {NOTHING}
    # Some kernels do not name it; it never holds what the permitted set does not.
    assert told.get("CapAmb", NOTHING) == NOTHING


def test_no_new_privileges() -> None:
    """No program that it starts gains privilege.

    How: prctl: PR_GET_NO_NEW_PRIVS
    """
    assert probe.no_new_privileges() == 1


def test_filter_is_on() -> None:
    """A filter of system calls is loaded.

    How: Seccomp in /proc/self/status
    """
    assert probe.status()["Seccomp"] == "2"


def test_becomes_nobody_else() -> None:
    """It can become neither root nor the tests' user.

    How: setuid, setgid, setgroups, setresuid
    """
    # EINVAL: a cell's users are one, and any other is none that the kernel knows there.
    assert set(probe.become().values()) <= {*REFUSED, "EINVAL"}


def test_raises_no_limit() -> None:
    """It can raise neither its priority nor any limit.

    How: nice -1; one more than the hard limit of core, file size, open files, locked memory; oom_score_adj 0
    """
    told = probe.raise_limits()
    # Python's own word for a limit that cannot be raised is ValueError.
    assert {name: got for name, got in told.items() if got not in DENIED | {"ValueError"}} == {}


def test_dies_first() -> None:
    """It is the first to go when the host is short of memory.

    How: oom_score_adj is 1000
    """
    assert probe.dies_first() == 1000


def test_no_core_file() -> None:
    """A crash leaves no core file, and nobody can change where cores go.

    How: RLIMIT_CORE, abort in a child, writing kernel.core_pattern
    """
    told = probe.core()
    assert told["limit"] == [0, 0]
    assert told["ended"] == "ended by SIGABRT"
    assert told["left"] == []
    assert told["where cores go"] in DENIED


# -- Files --------------------------------------------------------------------------------------------


def test_root_is_read_only() -> None:
    """The root file system is mounted read-only.

    How: how / is mounted, from /proc/self/mountinfo
    """
    assert "ro" in probe.mounted("/")["flags"]


def test_one_writable_folder() -> None:
    """Nothing can be written but the work folder.

    How: a file is made in every folder and every file is opened for writing, /proc and /sys too
    """
    assert probe.writable() == []


def test_work_folder_is_bounded() -> None:
    """The work folder has limits of its own, and takes neither devices nor privilege.

    How: how the work folder is mounted, from /proc/self/mountinfo; its size from statvfs
    """
    told = probe.mounted(".")
    assert {"noexec", "nosuid", "nodev"} <= set(told["flags"])
    assert 0 < told["bytes"] <= 64 * 1024**2
    assert 0 < told["files"] <= 4096


def test_work_folder_runs_nothing() -> None:
    """What it writes cannot be run.

    How: a copy of /bin/true in the work folder, executed and mapped as code
    """
    assert set(probe.execute().values()) <= DENIED


def test_no_file_gains_privilege() -> None:
    """No file gives who runs it more than they have.

    How: every file's setuid and setgid bits and security.capability
    """
    assert probe.gaining() == []


def test_no_device() -> None:
    """No device can be reached but null, zero, full, random, urandom and terminals.

    How: major and minor number of every device node
    """
    assert probe.devices() == []


def test_bridge_folder_is_read_only() -> None:
    """The folder that it shares with the tests holds one socket, and cannot be changed.

    How: listing it; removing, renaming, adding
    """
    told = probe.link()
    assert told["holds"] == ["s"]
    assert {told["remove"], told["add"], told["rename"]} <= DENIED


def test_engine_is_out_of_reach() -> None:
    """No other socket lies anywhere: not the engine's, not another run's.

    How: every socket that has a path
    """
    assert probe.sockets_on_disk() == ["/run/link/s"]


def test_nothing_of_the_tests() -> None:
    """Neither the tests nor what runs them is there.

    How: importing pytest, hypothesis and the test file; looking for their names in every folder
    """
    assert probe.importable("pytest", "_pytest", "hypothesis", "test_alone") == []
    assert probe.named("pytest", "hypothesis", "test_alone.py", "test_alone.pyc") == []


def test_kernel_tells_nothing() -> None:
    """Files of the kernel that tell about the host or other tenants are empty or closed.

    How: reading kcore, keys, timer_list, sched_debug, kmsg, interrupts, pressure, slabinfo, page counts, DMI
    tables, /dev/mem and their like
    """
    paths = (
        *("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats"),
        *("/proc/kmsg", "/dev/kmsg", "/dev/mem", "/proc/vmallocinfo", "/proc/slabinfo", "/proc/interrupts"),
        *("/proc/kpagemap", "/proc/kpagecount", "/sys/firmware/dmi/tables/DMI", "/sys/kernel/debug"),
        *("/sys/devices/virtual/powercap", "/proc/acpi", "/proc/scsi/scsi"),
        *("/proc/pressure/cpu", "/proc/pressure/memory"),
    )
    assert probe.readable(*paths) == {}


def test_environment() -> None:
    """Its environment holds nothing of ours.

    How: all names in os.environ, and in /proc/self/environ as it was at the beginning
    """
    known = {"PATH", "HOME", "HOSTNAME", "LANG", "LC_CTYPE", "TMPDIR"}
    ours = {"ASSESSOR_WORK", "ASSESSOR_PRELOAD", "ASSESSOR_CGROUP"}
    python = {"PYTHONPATH", "PYTHONSAFEPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED"}
    assert set(probe.environment()) - known - ours - python == set()


def test_descriptors() -> None:
    """It inherits nothing but its streams and the bridge.

    How: where every descriptor in /proc/self/fd leads
    """
    assert set(probe.descriptors()) <= {"/dev/null", "socket"}


def test_host_name() -> None:
    """It learns neither the host's name nor its name servers.

    How: uname, gethostname, /etc/hostname, kernel.hostname, /etc/resolv.conf
    """
    assert set(probe.host_name()) <= {"sandbox", "nameserver 127.0.0.1", "search ."}


# -- Processes ----------------------------------------------------------------------------------------


def test_sees_its_own_processes() -> None:
    """It sees no process but its own and the one that waits.

    How: every process in /proc
    """
    assert probe.processes() == {}


def test_signals_its_own_processes() -> None:
    """Its signals reach no process but its own.

    How: signal 0 to every number up to 32767
    """
    assert probe.answering(32768) == []


def test_looks_into_no_process() -> None:
    """It cannot look into the process that waits.

    How: opening environ, maps, mem, descriptors, working folder and root of process 1
    """
    assert set(probe.looked_into().values()) <= DENIED


def test_traces_no_process() -> None:
    """It cannot take hold of a process, not even of its own child.

    How: ptrace attach and seize, process_vm_readv, process_vm_writev, kcmp, pidfd_getfd, process_madvise
    """
    told = probe.trace_a_child()
    assert {call: got for call, got in told.items() if got not in REFUSED} == {}


# -- Network ------------------------------------------------------------------------------------------


def test_no_interface() -> None:
    """There is no network but loopback.

    How: /sys/class/net
    """
    assert set(probe.interfaces()) <= {"lo"}


def test_no_socket_family() -> None:
    """No socket opens but AF_UNIX: no network, netlink, packet, vsock or crypto sockets.

    How: every family from 1 to 49, four types, five protocols
    """
    assert {name.partition("/")[0] for name in probe.sockets()} == {"1"}


# -- System calls -------------------------------------------------------------------------------------


def test_no_namespace() -> None:
    """No namespace can be made or entered.

    How: unshare and clone with each kind (user, mount, pid, net, ipc, uts, cgroup, time), clone3, setns
    """
    kinds = (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000)
    refused(
        *(("unshare", (kind,)) for kind in (*kinds, 0x80)),
        *(("clone", (kind | 17, 0, 0, 0, 0)) for kind in kinds),
        ("clone3", (bytes(88), 88)),
        ("setns", (0, 0)),
    )


def test_no_mount() -> None:
    """Nothing can be mounted, unmounted, or made the root.

    How: mount, umount2, pivot_root, chroot, fsopen, fspick, fsconfig, fsmount, open_tree, move_mount,
    mount_setattr
    """
    refused(
        ("mount", ("none", "/tmp", "tmpfs", 0, 0)),
        ("umount2", ("/tmp", 0)),
        ("pivot_root", ("/tmp", "/tmp")),
        ("chroot", ("/tmp",)),
        ("fsopen", ("tmpfs", 0)),
        ("fspick", (-100, "/", 0)),
        ("fsconfig", (0, 0, 0, 0, 0)),
        ("fsmount", (0, 0, 0)),
        ("open_tree", (-100, "/", 0)),
        ("move_mount", (0, "", 0, "/", 0)),
        ("mount_setattr", (-100, "/", 0, bytes(32), 32)),
    )


def test_no_keyring() -> None:
    """The kernel's keyrings cannot be used.

    How: add_key, request_key, keyctl
    """
    refused(
        ("add_key", ("user", "x", "y", 1, -3)),
        ("request_key", ("user", "x", "", -3)),
        ("keyctl", (0, -3, 1)),
    )


def test_no_bpf_or_perf() -> None:
    """Neither programs for the kernel nor its counters can be had.

    How: bpf, perf_event_open
    """
    refused(("bpf", (0, bytes(64), 64)), ("perf_event_open", (bytes(128), 0, -1, -1, 0)))


def test_no_io_uring() -> None:
    """No system call can go past the filter through io_uring.

    How: io_uring_setup, io_uring_enter, io_uring_register
    """
    refused(
        ("io_uring_setup", (4, bytes(512))),
        ("io_uring_enter", (0, 0, 0, 0, 0)),
        ("io_uring_register", (0, 0, 0, 0)),
    )


def test_no_rare_memory() -> None:
    """The kernel's rarer kinds of memory cannot be had: each was a way in before.

    How: userfaultfd, memfd_create, memfd_secret, remap_file_pages, mbind, move_pages, migrate_pages, vmsplice
    """
    refused(
        ("userfaultfd", (1,)),
        ("memfd_create", ("x", 0)),
        ("memfd_secret", (0,)),
        ("remap_file_pages", (0, 0, 0, 0, 0)),
        ("mbind", (0, 0, 0, 0, 0, 0)),
        ("move_pages", (0, 0, 0, 0, 0, 0)),
        ("migrate_pages", (0, 0, 0, 0)),
        ("vmsplice", (1, 0, 0, 0)),
    )


def test_no_kernel_code() -> None:
    """No code can be put into the kernel, and it cannot be started anew.

    How: init_module, finit_module, delete_module, kexec_load, kexec_file_load, reboot
    """
    refused(
        ("init_module", (bytes(8), 8, "")),
        ("finit_module", (0, "", 0)),
        ("delete_module", ("none", 0)),
        ("kexec_load", (0, 0, 0, 0)),
        ("kexec_file_load", (0, 0, 0, "", 0)),
        ("reboot", (0, 0, 0, 0)),
    )


def test_no_handles() -> None:
    """No file can be opened past its path.

    How: name_to_handle_at, open_by_handle_at
    """
    refused(
        ("name_to_handle_at", (-100, "/", bytes(256), bytes(8), 0)),
        ("open_by_handle_at", (0, bytes(256), 0)),
    )


def test_no_shared_memory() -> None:
    """Neither shared memory nor message queues nor semaphores of the kernel can be had.

    How: shmget, shmat, msgget, semget, mq_open
    """
    refused(
        ("shmget", (0, 4096, 0o1600)),
        ("shmat", (0, 0, 0)),
        ("msgget", (0, 0o1600)),
        ("semget", (0, 1, 0o1600)),
        ("mq_open", ("x", 0o102, 0o600, 0)),
    )


def test_no_clock_or_name() -> None:
    """Neither the clock nor the host's name can be set.

    How: clock_settime, settimeofday, clock_adjtime, adjtimex, sethostname, setdomainname
    """
    refused(
        ("clock_settime", (0, bytes(16))),
        ("settimeofday", (bytes(16), 0)),
        ("clock_adjtime", (0, bytes(256))),
        ("adjtimex", (bytes(256),)),
        ("sethostname", ("x", 1)),
        ("setdomainname", ("x", 1)),
    )


def test_no_administration() -> None:
    """Swap, accounting, quotas, file watches, devices, ports and terminals of the host cannot be touched.

    How: swapon, swapoff, acct, quotactl, quotactl_fd, fanotify_init, mknodat, iopl, ioperm, modify_ldt,
    vhangup, lookup_dcookie, setxattr
    """
    refused(
        ("swapon", ("/tmp/x", 0)),
        ("swapoff", ("/tmp/x",)),
        ("acct", (0,)),
        ("quotactl", (0, 0, 0, 0)),
        ("quotactl_fd", (0, 0, 0, 0)),
        ("fanotify_init", (0, 0)),
        ("mknodat", (-100, "/tmp/node", 0o20600, 0x103)),
        ("iopl", (3,)),
        ("ioperm", (0, 1, 1)),
        ("modify_ldt", (0, bytes(64), 64)),
        ("vhangup", ()),
        ("lookup_dcookie", (0, bytes(8), 8)),
        ("setxattr", ("/tmp", "user.x", "x", 1, 0)),
    )


def test_no_kernel_log() -> None:
    """The kernel's log can be neither read nor cleared.

    How: syslog: read all, clear, size
    """
    refused(("syslog", (3, bytes(64), 64)), ("syslog", (5, 0, 0)), ("syslog", (10, 0, 0)))


def test_no_own_filter() -> None:
    """It can put no filter of its own in our place, and answer no other process's calls.

    How: seccomp with and without a listener; prctl: seccomp, ptracer, memory map, core scheduling, ambient
    """
    program = b"\x01" + bytes(15)
    refused(
        ("seccomp", (1, 0, program)),
        ("seccomp", (1, 8, program)),
        ("prctl", (22, 2, program, 0, 0)),
        ("prctl", (0x59616D61, -1, 0, 0, 0)),
        ("prctl", (35, 1, 0, 0, 0)),
        ("prctl", (62, 1, 0, 0, 0)),
        ("prctl", (47, 2, 0, 0, 0)),
    )


def test_no_typing_for_others() -> None:
    """It can type into no terminal, nor ask drivers for anything but what a stream needs.

    How: ioctl: TIOCSTI, TIOCLINUX, TIOCSCTTY, TIOCCONS, FICLONE, and TIOCSTI with high bits that it ignores
    """
    refused(
        *(("ioctl", (0, request, "x")) for request in (0x5412, 0x541C, 0x540E, 0x541D, 0x40049409)),
        ("ioctl", (0, 0x100005412, "x")),
    )


def test_no_other_personality() -> None:
    """Protections of memory cannot be turned off.

    How: personality without address randomisation, with readable meaning executable
    """
    refused(("personality", (0x0040000,)), ("personality", (0x0400000,)))


def test_no_unknown_call() -> None:
    """Calls that are newer than the filter are refused too.

    How: numbers 453 to 470, and 1000
    """
    refused(*((number, (0, 0, 0, 0, 0, 0)) for number in (*range(453, 471), 1000)))


def test_no_other_door() -> None:
    """The processor's older doors into the kernel are shut.

    How: a call by an x32 number; int 0x80 of the 32-bit list, as machine code
    """
    if probe.machine() != "x86_64":
        return  # other processors have neither
    told = probe.other_doors()
    assert {door: got for door, got in told.items() if got not in REFUSED | {"ended by SIGSYS"}} == {}
