/* Preloaded into the engine's worker by the tests: makes it as noisy and as mortal as native code can be.
 *
 * MEDDLER_NOISE=FILE     from the moment that llama.cpp is loaded, print to descriptor 1, over and over,
 *                        and count in FILE, one byte each time
 * MEDDLER_DIE_AFTER=N    end the process right after it has written N frames ...
 * MEDDLER_SIGNAL=S       ... by this signal
 *
 * Other processes that inherit the environment (the language server above all) are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int frames_left = -1;
static int death_signal = SIGKILL;

static int is_worker(void) {
    char line[4096] = {0};
    FILE *file = fopen("/proc/self/cmdline", "r");
    if (!file) return 0;
    size_t length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    return memmem(line, length, "cope_lsp.engine.worker", 22) != NULL;
}

static int names_llama(struct dl_phdr_info *info, size_t size, void *found) {
    (void)size;
    if (info->dlpi_name && strstr(info->dlpi_name, "libllama")) *(int *)found = 1;
    return 0;
}

static void *make_noise(void *path) {
    int loaded = 0, count = open((const char *)path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    while (!loaded) {
        dl_iterate_phdr(names_llama, &loaded);
        usleep(100);
    }
    for (;;) {
        printf("Content-Length: 7\r\n\r\nnoise\n");
        fflush(stdout);
        if (write(1, "\x00\x00\x00\x05noise", 9) < 0 || write(count, ".", 1) < 0) return NULL;
        usleep(500);
    }
}

ssize_t write(int descriptor, const void *data, size_t length) {
    static ssize_t (*real_write)(int, const void *, size_t);
    if (!real_write) real_write = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    ssize_t written = real_write(descriptor, data, length);
    struct stat status;
    int to_a_pipe = descriptor > 2 && fstat(descriptor, &status) == 0 && S_ISFIFO(status.st_mode);
    int to_a_socket = descriptor > 2 && !to_a_pipe && S_ISSOCK(status.st_mode);
    if (frames_left >= 0 && (to_a_pipe || to_a_socket) && --frames_left <= 0) raise(death_signal);
    return written;
}

__attribute__((constructor)) static void meddle(void) {
    if (!is_worker()) return;
    const char *noise = getenv("MEDDLER_NOISE"), *frames = getenv("MEDDLER_DIE_AFTER");
    if (getenv("MEDDLER_SIGNAL")) death_signal = atoi(getenv("MEDDLER_SIGNAL"));
    if (frames) frames_left = atoi(frames);
    pthread_t thread;
    if (noise) pthread_create(&thread, NULL, make_noise, (void *)noise);
}
