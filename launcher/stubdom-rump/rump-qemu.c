/*
 * QEMU as threads of this program (platform.h). Its standard output is a pipe that is read here; a second pipe reports
 * its end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rump-qemu.h"

#include "log.h"
#include "rump.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STACK (256UL * 1024)
#define ARGS_MAX 512

static struct { int argc; char *argv[ARGS_MAX + 1]; } program;
static int ended_fd = -1; /* -1: QEMU does not run */

/* ---- what it says ---- */

static bool read_output(struct rump_platform *platform)
{
    char bytes[1024];
    ssize_t got = read(platform->output.fd, bytes, sizeof(bytes));

    if (got > 0)
        device_model_qemu_said(platform->base.model, bytes, (size_t)got);
    return got > 0;
}

/* Reads once, not until the pipe is empty: a QEMU that never stops writing must not keep us here. */
static void output_ready(void *data, short revents)
{
    read_output(data);
}

/*
 * Makes the pipe that is standard output and error of the whole program. Bytes that do not fit are lost: a writer must
 * not wait, since it may be the thread that reads.
 */
static int open_output(struct rump_platform *platform)
{
    int fd, rc;

    platform->output = (struct loop_fd){ .ready = output_ready, .data = platform };
    rc = rump_pipe_open(platform->loop, &platform->output, &fd);
    if (rc)
        return rc;
    for (int standard = 1; standard <= 2; standard++)
        if (fd != standard && dup2(fd, standard) < 0)
            return -errno;
    if (fd > 2)
        close(fd);
    return 0;
}

/* ---- how it ends ---- */

static void ended(void *data, short revents)
{
    struct rump_platform *platform = data;
    struct qemu_end end;

    if (read(platform->ended.fd, &end, sizeof(end)) != sizeof(end))
        return;
    /* QEMU's last output is still in the pipe, which holds at most 64 KiB. */
    for (int i = 0; i < 64 && read_output(platform); i++)
        ;
    device_model_qemu_ended(platform->base.model, &end);
}

void rump_qemu_ended(bool signalled, int code)
{
    struct qemu_end end = { .signalled = signalled, .code = code };

    if (ended_fd < 0)
        pv_panic("the program ends: %s %d", signalled ? "signal" : "status", code);
    if (write(ended_fd, &end, sizeof(end)) != sizeof(end))
        pv_panic("QEMU ends: %s %d; its launcher cannot be told", signalled ? "signal" : "status", code);
}

/* ---- its start ---- */

static bool is_known(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* Takes 0, 1 and 2 first, so that no other file gets these numbers. */
int rump_qemu_init(struct rump_platform *platform)
{
    for (int fd = 0; fd <= 2; fd++)
        if (!is_known(fd) && open("/dev/null", O_RDWR) < 0)
            return -errno;
    return open_output(platform);
}

static int add(const char *arg)
{
    if (program.argc == ARGS_MAX)
        return -E2BIG;
    program.argv[program.argc] = strdup(arg);
    return program.argv[program.argc++] ? 0 : -ENOMEM;
}

static void *run(void *arg)
{
    exit(stubdom_qemu_main(program.argc, program.argv));
}

static int start_thread(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    int error = pthread_attr_init(&attr);

    if (!error)
        error = pthread_attr_setstacksize(&attr, STACK);
    return error ? -error : -pthread_create(&thread, &attr, run, NULL);
}

int rump_qemu_start(struct platform *base, char *const argv[])
{
    struct rump_platform *platform = (struct rump_platform *)base;
    int rc = 0;

    for (size_t i = 0; argv[i] && !rc; i++)
        rc = add(argv[i]);
    if (rc)
        return rc;
    platform->ended = (struct loop_fd){ .ready = ended, .data = platform };
    rc = rump_pipe_open(platform->loop, &platform->ended, &ended_fd);
    pv_guest = (uint16_t)base->model->guest;
    return rc ? rc : start_thread();
}

int rump_qemu_connect(struct platform *base, enum qemu_socket which)
{
    return rump_socket_connect(which == QEMU_SOCKET_QMP ? base->qmp_path : base->vnc_path);
}
