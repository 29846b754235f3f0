"""What drafts try in order to get out, as programs: each says of every attempt what became of it.

A table: name, what is expected, attempts. `refused`: the cage says no to every attempt. `harmless`: the attempt is
let do what it wants, to a view of the repository or in a place of its own. `either`: it depends on where the
repository lies. A program that could not even try is noticed by what it does not say.
"""

from typing import Literal

Expected = Literal["refused", "harmless", "either"]

PREAMBLE = r"""
import ctypes, mmap, os, resource, shutil, signal, socket, stat, subprocess, sys, time
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
SAID = []
HERE = Path(__file__).parent
HOME = Path({home!r})
PORT, NAME, PARENT, CANARY = {port}, {name!r}, {parent}, {canary}


def attempt(what, action):
    try:
        value = action()
    except BaseException as error:
        SAID.append(f"{{what}}: {{type(error).__name__}}")
    else:
        SAID.append(f"{{what}}: DONE {{str(value)[:60]}}")


def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def system(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), number)
    return result


def send(family, kind, address):
    end = socket.socket(family, kind)
    end.settimeout(2)
    end.connect(address)
    return end.send(b"x")


def daemon(word, ignored=()):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)
            (HERE / word).touch()
            os.execv("/bin/sleep", ["sleep", word])
        os._exit(0)
    while not (HERE / word).exists():
        time.sleep(0.01)


def total(numbers):
    go()
    raise AssertionError("tried " + " | ".join(SAID))


def go():
"""

WRITING = {
    "into the home": (
        "either",
        r"""
            attempt('home', lambda: (HOME / 'written').write_text('x'))
        """,
    ),
    "above the workspace": (
        "either",
        r"""
            attempt('..', lambda: (HERE / '../written').write_text('x'))
        """,
    ),
    "into /tmp": (
        "harmless",
        r"""
            attempt('/tmp', lambda: Path('/tmp', NAME + '-x').write_text('x'))
        """,
    ),
    "into the system": (
        "refused",
        r"""
            for folder in ('/', '/usr', '/usr/bin', '/etc', '/dev', '/cope', sys.base_prefix):
                attempt(folder, lambda: Path(folder, 'written').write_text('x'))
        """,
    ),
    "to places of the system that are not there": (
        "refused",
        r"""
            for folder in ('/var', '/run', '/sys', '/boot', '/old', '/lower', '/scratch', '/srv', '/opt'):
                attempt(folder, lambda: Path(folder, 'written').write_text('x'))
        """,
    ),
    "into the interpreter": (
        "refused",
        r"""
            site = Path(sys.prefix, 'lib', f'python{sys.version_info[0]}.{sys.version_info[1]}', 'site-packages')
            attempt('pth', lambda: (site / 'x.pth').write_text('import os'))
            attempt('sitecustomize', lambda: (site / 'sitecustomize.py').write_text('x'))
            attempt('pytest', lambda: open(site / 'pytest' / '__init__.py', 'a'))
            attempt('python', lambda: os.replace(HERE / 'data.txt', sys.executable))
            attempt('mode', lambda: os.chmod(site, 0o777))
        """,
    ),
    "through a link to a file": (
        "either",
        r"""
            attempt('link', lambda: (HERE / 'out').write_text('x'))
            attempt('folder', lambda: (HERE / 'outside' / 'written').write_text('x'))
        """,
    ),
    "through a link of its own": (
        "either",
        r"""
            os.symlink(HOME / '.ssh' / 'id', HERE / 'mine')
            attempt('link', lambda: open(HERE / 'mine', 'r+').write('x'))
            os.remove(HERE / 'data.txt')
            os.symlink(HOME / 'linked', HERE / 'data.txt')
            attempt('swap', lambda: open(HERE / 'data.txt', 'w').write('x'))
        """,
    ),
    "through a new hard link": (
        "refused",
        r"""
            attempt('home', lambda: os.link(HOME / '.ssh' / 'id', HERE / 'hard'))
            attempt('system', lambda: os.link('/usr/bin/env', HERE / 'hard'))
        """,
    ),
    "to a file with a hard link outside": (
        "harmless",
        r"""
            attempt('r+', lambda: open(HERE / 'linked.txt', 'r+').write('x'))
            attempt('append', lambda: open(HERE / 'linked.txt', 'a').write('x'))
            attempt('truncate', lambda: os.truncate(HERE / 'linked.txt', 0))
        """,
    ),
    "in place, in every way": (
        "harmless",
        r"""
            attempt('r+', lambda: open(HERE / 'data.txt', 'r+').write('x'))
            def mapped():
                with open(HERE / 'large.bin', 'r+b') as file:
                    with mmap.mmap(file.fileno(), 0) as memory:
                        memory[:4] = b'evil'
                        memory.flush()
            attempt('mmap', mapped)
            attempt('O_DIRECT', lambda: os.open(HERE / 'data.txt', os.O_RDWR | os.O_SYNC))
            reading = os.open(HERE / 'data.txt', os.O_RDONLY)
            attempt('reopened', lambda: open(f'/proc/self/fd/{reading}', 'w').write('x'))
            attempt('copy', lambda: os.copy_file_range(reading, os.open(HERE / 'large.bin', os.O_WRONLY), 4))
        """,
    ),
    "to what it did not open": (
        "refused",
        r"""
            for n in range(5, 200):
                try: os.fstat(n)
                except OSError: continue
                path = os.readlink(f'/proc/self/fd/{n}')
                if path.startswith(str(HOME)): attempt(f'fd {n}', lambda: os.write(n, b'x'))
            attempt('canary', lambda: os.readlink(f'/proc/self/fd/{CANARY}').index('canary'))
        """,
    ),
    "mode, owner and times": (
        "harmless",
        r"""
            attempt('chmod', lambda: os.chmod(HERE / 'data.txt', 0o777))
            attempt('utime', lambda: os.utime(HERE / 'data.txt', (1, 1)))
            attempt('folder', lambda: os.chmod(HERE / 'tests', 0o700))
            attempt('xattr', lambda: os.setxattr(HERE / 'data.txt', 'user.x', b'x'))
        """,
    ),
    "mode and times of devices": (
        "refused",
        r"""
            attempt('chmod', lambda: os.chmod('/dev/null', 0o600))
            attempt('utime', lambda: os.utime('/dev/null', (1, 1)))
            attempt('system', lambda: os.utime('/usr/bin/env', (1, 1)))
        """,
    ),
    "by renaming": (
        "harmless",
        r"""
            (HERE / 'new').write_text('x')
            attempt('file', lambda: os.replace(HERE / 'new', HERE / 'data.txt'))
            attempt('folder', lambda: shutil.move(HERE / 'tests', HERE / 'old'))
        """,
    ),
    "of the workspace itself": (
        "either",
        r"""
            attempt('rename', lambda: os.rename(HERE, HERE.parent / 'away'))
        """,
    ),
    "by deleting everything": (
        "harmless",
        r"""
            attempt('rmtree', lambda: shutil.rmtree(HERE, ignore_errors=True))
            attempt('left', lambda: os.listdir(HERE))
        """,
    ),
    "to what decides on tests": (
        "harmless",
        r"""
            for name in ('tests/test_calc.py', 'conftest.py', 'pytest.ini', 'pyproject.toml', 'setup.cfg'):
                attempt(name, lambda: (HERE / name).write_text(''))
        """,
    ),
    "to git and the editor": (
        "harmless",
        r"""
            for name in ('.git/hooks/pre-commit', '.git/config', '.vscode/tasks.json', '.cope.toml'):
                attempt(name, lambda: (HERE / name).write_text('x'))
        """,
    ),
    "to the kernel": (
        "refused",
        r"""
            for name in ('sys/kernel/core_pattern', 'sys/user/max_user_namespaces', 'sysrq-trigger',
                         'self/oom_score_adj', 'self/uid_map', 'sys/net/ipv4/ip_forward', '1/oom_score_adj'):
                attempt(name, lambda: os.write(os.open(f'/proc/{name}', os.O_WRONLY), b'1'))
            attempt('cgroup', lambda: os.listdir('/sys/fs/cgroup'))
        """,
    ),
    "to devices": (
        "refused",
        r"""
            for name in ('mem', 'kmsg', 'vda', 'sda', 'tty', 'fuse', 'kvm', 'loop0', 'net/tun'):
                attempt(name, lambda: os.open(f'/dev/{name}', os.O_RDWR))
            attempt('mknod c', lambda: os.mknod(HERE / 'mem', 0o666 | stat.S_IFCHR, os.makedev(1, 1)))
            attempt('mknod b', lambda: os.mknod('/tmp/disk', 0o666 | stat.S_IFBLK, os.makedev(8, 0)))
        """,
    ),
}

READING = {
    "keys and passwords of the home": (
        "refused",
        r"""
            for name in ('.ssh/id', '.aws/credentials', '.netrc', '.local/share/cope-lsp/ledger.sqlite',
                         '.local/share/keyrings/login.keyring', '.config/gh/hosts.yml', 'linked'):
                attempt(name, lambda: (HOME / name).read_text())
            attempt('out', lambda: (HERE / 'out').read_text())
        """,
    ),
    "the home through /proc": (
        "refused",
        r"""
            for path in ('self/root', '1/root', '1/cwd', 'thread-self/root'):
                attempt(path, lambda: Path(f'/proc/{path}{HOME}/.ssh/id').read_text())
        """,
    ),
    "the first process": (
        "refused",
        r"""
            for name in ('environ', 'mem', 'maps', 'fd/0', 'fd/3', 'exe', 'cwd', 'ns/mnt', 'stack'):
                attempt(name, lambda: open(f'/proc/1/{name}', 'rb').read(10))
        """,
    ),
    "accounts of the system": (
        "refused",
        r"""
            for name in ('shadow', 'ssh', 'machine-id', 'sudoers', 'hostname', 'resolv.conf'):
                attempt(name, lambda: open(f'/etc/{name}'))
        """,
    ),
    "secrets of the environment": (
        "refused",
        r"""
            attempt('key', lambda: os.environ['CANARY_TOKEN'])
            attempt('agent', lambda: os.environ['SSH_AUTH_SOCK'])
            attempt('shell', lambda: subprocess.check_output('env | grep -q CANARY', shell=True))
        """,
    ),
    "keys that the kernel keeps": (
        "refused",
        r"""
            numbers = {'x86_64': (249, 250), 'aarch64': (218, 219)}[os.uname().machine]
            attempt('request', lambda: system(numbers[0], b'user', NAME.encode(), None, 0))
            attempt('search', lambda: system(numbers[1], 10, -4, b'user', NAME.encode(), 0))
        """,
    ),
    "a file by its handle": (
        "refused",
        r"""
            numbers = {'x86_64': (303, 304), 'aarch64': (264, 265)}[os.uname().machine]
            handle = (ctypes.c_uint32 * 64)(128, 1, 2, 0)
            mount = ctypes.c_int()
            handle[0] = 8
            for folder in (HERE, Path('/usr'), Path(sys.base_prefix)):
                attempt(folder, lambda: system(numbers[1], os.open(folder, os.O_RDONLY), handle, os.O_RDONLY))
        """,
    ),
    "other processes": (
        "refused",
        r"""
            attempt('parent', lambda: open(f'/proc/{PARENT}/environ', 'rb').read(10).index(b'='))
            attempt('others', lambda: [n for n in os.listdir('/proc') if n.isdecimal() and int(n) not in
                (1, os.getpid(), os.getppid())][0])
        """,
    ),
}

PRIVILEGES = {
    "a debugger": (
        "refused",
        r"""
            for pid in (1, PARENT):
                attempt(f'attach {pid}', lambda: call('ptrace', 16, pid, 0, 0))
                attempt(f'seize {pid}', lambda: call('ptrace', 0x4206, pid, 0, 0))
        """,
    ),
    "mounts": (
        "refused",
        r"""
            attempt('mount', lambda: call('mount', b'x', b'/tmp', b'tmpfs', 0, 0))
            attempt('bind', lambda: call('mount', b'/', str(HERE / 'tests').encode(), None, 4096, 0))
            attempt('remount', lambda: call('mount', None, b'/', None, 32, 0))
            attempt('umount', lambda: call('umount2', str(HERE).encode(), 2))
            attempt('pivot', lambda: call('pivot_root', b'/tmp', b'/tmp'))
            attempt('chroot', lambda: os.chroot('/tmp'))
        """,
    ),
    "namespaces": (
        "refused",
        r"""
            for kind in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000):
                attempt(hex(kind), lambda: call('unshare', kind))
            attempt('user', lambda: call('unshare', 0x10020000))
            attempt('setns', lambda: call('setns', os.open('/proc/1/ns/mnt', os.O_RDONLY), 0))
        """,
    ),
    "another user": (
        "refused",
        r"""
            attempt('setuid', lambda: os.setuid(0))
            attempt('setgid', lambda: os.setgid(0))
            attempt('groups', lambda: os.setgroups([0]))
            attempt('su', lambda: subprocess.run(['su', '-c', 'true'], check=True, stdin=-3))
        """,
    ),
    "set-user-id programs of its own": (
        "refused",
        r"""
            shutil.copy('/usr/bin/id', HERE / 'id')
            os.chmod(HERE / 'id', 0o6755)
            attempt('root', lambda: subprocess.check_output([HERE / 'id', '-u']).index(b'0\n', 0, 2))
        """,
    ),
    "the machine": (
        "refused",
        r"""
            attempt('hostname', lambda: socket.sethostname('x'))
            attempt('time', lambda: time.clock_settime(time.CLOCK_REALTIME, 0))
            attempt('nice', lambda: os.setpriority(os.PRIO_PROCESS, 0, -10))
            attempt('reboot', lambda: call('reboot', 0x89ABCDEF))
            attempt('swap', lambda: call('swapoff', b'/x'))
            number = {'x86_64': 321, 'aarch64': 280}[os.uname().machine]
            attempt('bpf', lambda: system(number, 5, (ctypes.c_uint64 * 16)(), 128))
            number = {'x86_64': 175, 'aarch64': 105}[os.uname().machine]
            attempt('module', lambda: system(number, b'x', 1, b''))
        """,
    ),
    "higher limits": (
        "refused",
        r"""
            for kind in ('NPROC', 'FSIZE', 'DATA', 'AS', 'CPU'):
                number = getattr(resource, f'RLIMIT_{kind}')
                attempt(kind, lambda: resource.setrlimit(number, (-1, -1)))
        """,
    ),
    "signals": (
        "either",
        r"""
            for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
                attempt(f'first {number}', lambda: os.kill(1, number))
                attempt(f'parent {number}', lambda: PARENT > 300 and os.kill(PARENT, number))
        """,
    ),
}

NETWORK = {
    "TCP": (
        "refused",
        r"""
            attempt('4', lambda: send(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', PORT)))
            attempt('6', lambda: send(socket.AF_INET6, socket.SOCK_STREAM, ('::1', PORT)))
            attempt('far', lambda: send(socket.AF_INET, socket.SOCK_STREAM, ('192.0.2.1', 80)))
        """,
    ),
    "UDP": (
        "either",
        r"""
            attempt('4', lambda: send(socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', PORT)))
            attempt('far', lambda: send(socket.AF_INET, socket.SOCK_DGRAM, ('192.0.2.1', 53)))
        """,
    ),
    "names": (
        "refused",
        r"""
            attempt('dns', lambda: socket.getaddrinfo('example.com', 80))
            attempt('curl', lambda: subprocess.run(['curl', '-sS', f'http://127.0.0.1:{PORT}'], check=True))
        """,
    ),
    "abstract sockets": (
        "refused",
        r"""
            attempt('abstract', lambda: send(socket.AF_UNIX, socket.SOCK_STREAM, '\0' + NAME))
        """,
    ),
    "sockets with a path": (
        "refused",
        r"""
            for path in (HOME / 'agent', HERE / 'agent', '/run/docker.sock', '/var/run/docker.sock',
                         '/run/dbus/system_bus_socket', '/run/user/0/bus'):
                attempt(path, lambda: send(socket.AF_UNIX, socket.SOCK_STREAM, str(path)))
        """,
    ),
    "raw packets": (
        "refused",
        r"""
            attempt('packet', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
            attempt('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
            attempt('vsock', lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
            attempt('can', lambda: socket.socket(socket.AF_CAN, socket.SOCK_RAW))
            attempt('uring', lambda: system(425, 8, (ctypes.c_uint8 * 128)()))
        """,
    ),
}

SURVIVING = {
    "an orphan": (
        "harmless",
        r"""
            attempt('orphan', lambda: daemon('61803'))
        """,
    ),
    "a daemon that hears no signal": (
        "harmless",
        r"""
            attempt('daemon', lambda: daemon('61803', (1, 2, 15, 17)))
        """,
    ),
    "many of them": (
        "harmless",
        r"""
            for n in range(20): attempt(n, lambda: daemon('61803'))
        """,
    ),
}

TRIED = {
    "writing": WRITING,
    "reading": READING,
    "rising": PRIVILEGES,
    "calling": NETWORK,
    "surviving": SURVIVING,
}

TOO_MUCH = {
    "processes": (
        "BlockingIOError",
        r"""
            def bomb():
                for _ in range(1000):
                    if os.fork() == 0: time.sleep(100)
            attempt('fork', bomb)
        """,
    ),
    "threads": (
        "RuntimeError",
        r"""
            import threading
            def bomb():
                for _ in range(1000): threading.Thread(target=time.sleep, args=(9,)).start()
            attempt('thread', bomb)
            os.write(2, ' | '.join(SAID).encode())
        """,
    ),
    "memory": (
        "MemoryError",
        r"""
            attempt('memory', lambda: bytearray(8 << 30))
        """,
    ),
    "memory of many": (
        "took more than 600 MiB of memory",
        r"""
            for _ in range(8):
                if os.fork() == 0:
                    kept = bytearray(b'x') * (100 << 20)
                    time.sleep(100)
            time.sleep(100)
        """,
    ),
    "shared memory": (
        "took more than 600 MiB of memory",
        r"""
            memory = mmap.mmap(-1, 1 << 30)
            for n in range(0, 1 << 30, 4096): memory[n] = 1
            time.sleep(100)
        """,
    ),
    "disk": (
        "OSError",
        r"""
            def fill():
                for n in range(100): (HERE / str(n)).write_bytes(b'x' * (10 << 20))
            attempt('disk', fill)
        """,
    ),
    "disk elsewhere": (
        "OSError",
        r"""
            def fill():
                for n in range(100): Path('/dev/shm', str(n)).write_bytes(b'x' * (10 << 20))
            attempt('shm', fill)
        """,
    ),
    "a file": (
        "OSError",
        r"""
            attempt('file', lambda: os.truncate(HERE / 'data.txt', 10 << 30))
        """,
    ),
    "many files": (
        "OSError",
        r"""
            def fill():
                for n in range(100_000): (HERE / str(n)).touch()
            attempt('files', fill)
        """,
    ),
    "output, which pytest keeps in a file": (
        "OSError",
        r"""
            while True: os.write(2, b'x' * 100_000)
        """,
    ),
}
