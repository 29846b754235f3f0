/* Sees the system calls that change files below $DISK_FOLDER: records them in $DISK_LOG, or lets them fail.
 *
 * The record has a line "NAME INODE OFFSET LENGTH PATH" per call that succeeded. After a write come its bytes
 * and a line end, after a rename a second line with the new path. A link's path is the new one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int fail_first = -1, fail_times, fail_number, calls;

int disk_calls(void) { return calls; }

/* From now on let `times` calls fail, beginning with number `first`; with the error 0 the process dies instead. */
void disk_fail(int first, int times, int number) {
  fail_first = first;
  fail_times = times;
  fail_number = number;
  calls = 0;
}

static int is_ours(const char *path) {
  const char *folder = getenv("DISK_FOLDER");
  if (!folder || !path) return 0;
  size_t length = strlen(folder);
  return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static int is_ours_fd(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, 4095);
  path[length > 0 ? length : 0] = 0;
  return is_ours(path);
}

/* Count a call; 1 when it must fail, with errno set. */
static int fails(void) {
  int number = calls++;
  if (fail_first < 0 || number < fail_first || number >= fail_first + fail_times) return 0;
  if (!fail_number) syscall(SYS_kill, getpid(), SIGKILL);
  errno = fail_number;
  return 1;
}

static void put(const void *bytes, size_t length) {
  static int file = -1;
  int before = errno;
  if (file < 0) {
    const char *name = getenv("DISK_LOG");
    if (!name) return;
    file = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  if (syscall(SYS_write, file, bytes, length) != (ssize_t)length) abort();
  errno = before;
}

static void record(const char *name, ino_t inode, long offset, long length, const char *path) {
  char line[5000];
  if (!getenv("DISK_LOG")) return;
  int size = snprintf(line, sizeof line, "%s %lu %ld %ld %s\n", name, (unsigned long)inode, offset, length, path);
  put(line, size);
}

void disk_say(const char *line) { record("say", 0, 0, 0, line); }

static ino_t inode_of(const char *path) {
  struct stat status;
  return lstat(path, &status) ? 0 : status.st_ino;
}

static ino_t inode_of_fd(int fd) {
  struct stat status;
  return fstat(fd, &status) ? 0 : status.st_ino;
}

static long size_of_fd(int fd) {
  struct stat status;
  return fstat(fd, &status) ? 0 : status.st_size;
}

#define NEXT(result, name, ...) \
  static result (*next)(__VA_ARGS__); \
  if (!next) next = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int opened(const char *path, int flags, mode_t mode, const char *name) {
  NEXT(int, name, const char *, int, ...);
  if (!is_ours(path)) return next(path, flags, mode);
  if (fails()) return -1;
  int existed = inode_of(path) != 0;
  int fd = next(path, flags, mode);
  if (fd >= 0 && !existed && (flags & O_CREAT)) record("create", inode_of_fd(fd), 0, 0, path);
  if (fd >= 0 && existed && (flags & O_TRUNC)) record("truncate", inode_of_fd(fd), 0, 0, path);
  return fd;
}

#define MODE \
  mode_t mode = 0; \
  if (flags & O_CREAT) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }

int open(const char *path, int flags, ...) {
  MODE
  return opened(path, flags, mode, "open");
}

int open64(const char *path, int flags, ...) {
  MODE
  return opened(path, flags | O_LARGEFILE, mode, "open");
}

static void record_write(int fd, const char *path, long offset, const void *bytes, ssize_t done) {
  if (done <= 0 || !getenv("DISK_LOG")) return;
  record("write", inode_of_fd(fd), offset, done, path);
  put(bytes, done);
  put("\n", 1);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  NEXT(ssize_t, "write", int, const void *, size_t);
  char path[4096];
  if (!is_ours_fd(fd, path)) return next(fd, bytes, length);
  if (fails()) return -1;
  int appends = fcntl(fd, F_GETFL) & O_APPEND;
  long offset = appends ? size_of_fd(fd) : lseek(fd, 0, SEEK_CUR);
  ssize_t done = next(fd, bytes, length);
  record_write(fd, path, offset, bytes, done);
  return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  char path[4096];
  if (!is_ours_fd(fd, path)) return next(fd, bytes, length, offset);
  if (fails()) return -1;
  ssize_t done = next(fd, bytes, length, offset);
  record_write(fd, path, offset, bytes, done);
  return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite64(fd, bytes, length, offset);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
  NEXT(ssize_t, "pread64", int, void *, size_t, off64_t);
  char path[4096];
  if (is_ours_fd(fd, path) && fails()) return -1;
  return next(fd, bytes, length, offset);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t offset) { return pread64(fd, bytes, length, offset); }

int ftruncate64(int fd, off64_t length) {
  NEXT(int, "ftruncate64", int, off64_t);
  char path[4096];
  if (!is_ours_fd(fd, path)) return next(fd, length);
  if (fails()) return -1;
  int result = next(fd, length);
  if (!result) record("truncate", inode_of_fd(fd), 0, length, path);
  return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int synced(int fd, int (*next)(int)) {
  char path[4096];
  if (!is_ours_fd(fd, path)) return next(fd);
  if (fails()) return -1;
  int result = next(fd);
  if (!result) record("sync", inode_of_fd(fd), 0, 0, path);
  return result;
}

int fsync(int fd) {
  NEXT(int, "fsync", int);
  return synced(fd, next);
}

int fdatasync(int fd) {
  NEXT(int, "fdatasync", int);
  return synced(fd, next);
}

int unlink(const char *path) {
  NEXT(int, "unlink", const char *);
  if (!is_ours(path)) return next(path);
  if (fails()) return -1;
  ino_t inode = inode_of(path);
  int result = next(path);
  if (!result) record("unlink", inode, 0, 0, path);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  NEXT(int, "mkdir", const char *, mode_t);
  if (!is_ours(path)) return next(path, mode);
  if (fails()) return -1;
  int result = next(path, mode);
  if (!result) record("mkdir", inode_of(path), 0, 0, path);
  return result;
}

int link(const char *from, const char *to) {
  NEXT(int, "link", const char *, const char *);
  if (!is_ours(to)) return next(from, to);
  if (fails()) return -1;
  int result = next(from, to);
  if (!result) record("link", inode_of(to), 0, 0, to);
  return result;
}

int rename(const char *from, const char *to) {
  NEXT(int, "rename", const char *, const char *);
  if (!is_ours(to)) return next(from, to);
  if (fails()) return -1;
  ino_t inode = inode_of(from);
  int result = next(from, to);
  if (!result) {
    record("rename", inode, 0, 0, from);
    record("to", inode, 0, 0, to);
  }
  return result;
}
