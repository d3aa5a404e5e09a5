/*
 * Signals that tell a process to end (see signals.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* kill(), killall and the end of a session send none. */
#define END 0x656e64

int signals_open(void)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -errno;
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

bool signals_told_by_hand(int signal_fd)
{
    struct signalfd_siginfo info;
    bool told = false;

    while (read(signal_fd, &info, sizeof(info)) == sizeof(info))
        told |= info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM;
    return told;
}

bool signals_told(int signal_fd)
{
    struct signalfd_siginfo info;
    bool told = false;

    while (read(signal_fd, &info, sizeof(info)) == sizeof(info))
        told |= info.ssi_signo != SIGCHLD;
    return told;
}

int signals_send_end(pid_t pid)
{
    return sigqueue(pid, SIGTERM, (union sigval){ .sival_int = END }) ? -errno : 0;
}

bool signals_told_to_end(int signal_fd)
{
    struct signalfd_siginfo info;
    bool told = false;

    while (read(signal_fd, &info, sizeof(info)) == sizeof(info))
        told |= info.ssi_signo == SIGTERM && info.ssi_code == SI_QUEUE && info.ssi_int == END;
    return told;
}
