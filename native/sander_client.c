/* SPDX-License-Identifier: MIT
 *
 * How does one step of sander reach the model server? sander runs `orca orc_job.inp > orc_job.dat`
 * for every energy; under that name this program hands sander's two files to a Unix socket and
 * writes the answer where sander looks for it. It starts often and lives for a moment, so it is
 * small and linked statically, and it never waits longer than MERROW_TIMEOUT seconds for a sign of
 * life (the server sends a dot every second while the model computes).
 *
 * sander reads orc_job.engrad whether it is new or not. Whatever goes wrong here, the file of the
 * step before must be gone: `rm` and `mv`, which sander calls around each step, are this program
 * too; they do what sander asks for and remove that file as well.
 *
 * sander overwrites its restart file in place, so that a kill may leave half of one. It never writes
 * while this program runs: here each new restart MERROW_RESTART is copied to MERROW_KEEP, and appears
 * there whole or not at all.
 *
 * Request: "MERROW1 <job> <input> <geometry>\n" and the three texts of these lengths [bytes].
 * Answer:  dots, then "ok <engrad> <line>\n" and two texts, or "no <message> 0\n" and one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ENGRAD "orc_job.engrad"
#define GEOMETRY "inpfile.xyz"
#define ENERGIES "merrow_energies"
#define FAILURE "merrow_failure"
enum { LARGEST = 1 << 30, DEFAULT_TIMEOUT = 10 };

/* Say what is wrong to whoever reads stderr and to `merrow sander`, and end. */
static int fail(const char *what, const char *detail)
{
    char text[4096];
    int length = snprintf(text, sizeof text, "%s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
    if (length >= (int)sizeof text)
        length = sizeof text - 1;
    int file = open(FAILURE, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, text, length) < 0 || write(STDERR_FILENO, text, length) < 0)
        _exit(2);
    _exit(1);
}

/* Return the bytes of a file, or end. */
static char *read_file(const char *path, size_t *length)
{
    struct stat about;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &about) != 0 || about.st_size > LARGEST)
        fail(path, "sander's file cannot be read");
    char *text = malloc(about.st_size + 1);
    *length = 0;
    while (text && *length < (size_t)about.st_size) {
        ssize_t got = read(file, text + *length, about.st_size - *length);
        if (got <= 0)
            fail(path, "sander's file cannot be read");
        *length += got;
    }
    close(file);
    return text;
}

static void write_all(int file, const char *text, size_t length, const char *what)
{
    while (length > 0) {
        ssize_t done = send(file, text, length, MSG_NOSIGNAL);
        if (done < 0 && errno == ENOTSOCK)
            done = write(file, text, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            fail(what, strerror(errno));
        text += done;
        length -= done;
    }
}

static void read_all(int server, char *text, size_t length)
{
    while (length > 0) {
        ssize_t got = recv(server, text, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            fail("the model server gave no sign of life until the time-out", NULL);
        if (got <= 0)
            fail("the model server died during an evaluation", NULL);
        text += got;
        length -= got;
    }
}

static int connect_to_server(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("MERROW_SOCKET"), *seconds = getenv("MERROW_TIMEOUT");
    struct timeval limit = {.tv_sec = seconds ? atoi(seconds) : DEFAULT_TIMEOUT};
    if (!path || strlen(path) >= sizeof address.sun_path)
        fail("MERROW_SOCKET does not name a socket", path);
    strcpy(address.sun_path, path);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(server, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        connect(server, (struct sockaddr *)&address, sizeof address) != 0)
        fail("the model server does not answer (did it end?)", strerror(errno));
    return server;
}

/* Write a text to a file in one call, so that a reader sees all of it or nothing. */
static void save(const char *path, int flags, const char *text, size_t length)
{
    int file = open(path, O_WRONLY | O_CREAT | flags, 0666);
    if (file < 0)
        fail(path, strerror(errno));
    write_all(file, text, length, path);
    close(file);
}

/* End if `merrow sander` is no more: it holds a lock as long as it lives. */
static void check_owner(void)
{
    const char *path = getenv("MERROW_LOCK");
    int lock = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (path && (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0))
        fail("`merrow sander` was killed, so its sander ends too", NULL);
    if (lock >= 0)
        close(lock);
}

/* Copy a restart that is new to where the user wants it; its time tells whether it is. */
static void keep_restart(void)
{
    char part[4096];
    struct stat made, kept;
    const char *source = getenv("MERROW_RESTART"), *target = getenv("MERROW_KEEP");
    if (!source || !target || stat(source, &made) != 0 || made.st_size == 0)
        return;
    if (stat(target, &kept) == 0 && kept.st_mtim.tv_sec == made.st_mtim.tv_sec &&
        kept.st_mtim.tv_nsec == made.st_mtim.tv_nsec)
        return;
    size_t length;
    char *content = read_file(source, &length);
    struct timespec times[2] = {made.st_atim, made.st_mtim};
    if (snprintf(part, sizeof part, "%s.part", target) >= (int)sizeof part)
        fail(target, "the name is too long");
    save(part, O_TRUNC, content, length);
    free(content);
    if (utimensat(AT_FDCWD, part, times, 0) != 0 || rename(part, target) != 0)
        fail(target, strerror(errno));
}

static int evaluate(const char *input_path)
{
    size_t n_input, n_geometry, n_engrad = 0, n_line = 0, used = 0;
    char head[128], kind[3] = "";
    const char *job = getenv("MERROW_JOB");
    unlink(ENGRAD);
    check_owner();
    keep_restart();
    if (!job)
        fail("MERROW_JOB is not set", NULL);
    char *input = read_file(input_path, &n_input);
    char *geometry = read_file(GEOMETRY, &n_geometry);
    int server = connect_to_server();
    int n_head = snprintf(head, sizeof head, "MERROW1 %zu %zu %zu\n", strlen(job), n_input, n_geometry);
    char *request = malloc(n_head + strlen(job) + n_input + n_geometry + 1);
    if (!request)
        fail("no memory", NULL);
    memcpy(request, head, n_head);
    memcpy(request + n_head, job, strlen(job));
    memcpy(request + n_head + strlen(job), input, n_input);
    memcpy(request + n_head + strlen(job) + n_input, geometry, n_geometry);
    write_all(server, request, n_head + strlen(job) + n_input + n_geometry,
              "the model server does not listen");
    do {
        read_all(server, head + used, 1);
        if (used == 0 && head[0] == '.')
            continue;
        used++;
    } while (used == 0 || (head[used - 1] != '\n' && used < sizeof head - 1));
    head[used] = '\0';
    if (sscanf(head, "%2s %zu %zu", kind, &n_engrad, &n_line) != 3 || n_engrad > LARGEST ||
        n_line > LARGEST)
        fail("the model server speaks another language", NULL);
    char *answer = malloc(n_engrad + n_line + 1);
    if (!answer)
        fail("no memory", NULL);
    read_all(server, answer, n_engrad + n_line);
    answer[n_engrad + n_line] = '\0';
    if (strcmp(kind, "ok") != 0)
        fail(answer, NULL);
    save(ENERGIES, O_APPEND, answer + n_engrad, n_line);
    save(ENGRAD ".part", O_TRUNC, answer, n_engrad);
    if (rename(ENGRAD ".part", ENGRAD) != 0)
        fail(ENGRAD, strerror(errno));
    return 0;
}

/* Do what sander asks of `rm -f FILE...` and `mv OLD NEW`; leave all else to the real program. */
static int tidy(const char *name, int argc, char **argv)
{
    int removes = strcmp(name, "rm") == 0;
    unlink(ENGRAD);
    if (removes && argc > 1 && strcmp(argv[1], "-f") == 0) {
        int failed = 0;
        for (int i = 2; i < argc; i++)
            failed |= unlink(argv[i]) != 0 && errno != ENOENT;
        if (!failed)
            return 0;
    } else if (!removes && argc == 3 && argv[1][0] != '-' && rename(argv[1], argv[2]) == 0) {
        return 0;
    }
    execv(removes ? "/bin/rm" : "/bin/mv", argv);
    return 127;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    if (strcmp(name, "rm") == 0 || strcmp(name, "mv") == 0)
        return tidy(name, argc, argv);
    if (argc != 2)
        return fail("usage: orca FILE.inp, called by sander", NULL);
    return evaluate(argv[1]);
}
