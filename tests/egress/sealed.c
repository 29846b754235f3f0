/* sealed COMMAND ARGUMENT...: runs a command that dies the moment it opens an internet socket.
 *
 * The filter kills the whole process, with SIGSYS, on socket(AF_INET), on socket(AF_INET6), on io_uring_setup
 * (which could open one unseen) and on system calls of another architecture (where the numbers differ).
 * Every child inherits it, and nobody can take it off.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "add this architecture"
#endif

#define X32_BIT 0x40000000
#define IO_URING_SETUP 425
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))

int main(int count, char **arguments) {
    /* The family is an int, of which the kernel reads the lower half of the first argument only: on both
     * architectures, which store the lower half first, that is where `args[0]` begins. */
    struct sock_filter program[] = {
        LOAD(arch),
        EQUAL(ARCHITECTURE, 1, 0),
        KILL,
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 5, 0),
        EQUAL(IO_URING_SETUP, 4, 0),
        EQUAL(__NR_socket, 0, 4),
        LOAD(args[0]),
        EQUAL(AF_INET, 1, 0),
        EQUAL(AF_INET6, 0, 1),
        KILL,
        ALLOW,
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    if (count < 2) {
        fprintf(stderr, "usage: sealed COMMAND ARGUMENT...\n");
        return 2;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
        fprintf(stderr, "sealed: no filter: %s\n", strerror(errno));
        return 3;
    }
    execvp(arguments[1], arguments + 1);
    fprintf(stderr, "sealed: %s: %s\n", arguments[1], strerror(errno));
    return 127;
}
