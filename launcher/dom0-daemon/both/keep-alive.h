/*
 * There are few places for peers, and a peer whose machine has gone without a word would keep one for ever. So TCP
 * asks whether it is still there. A socket that is accepted has this from the one that listens (tcp(7)).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_KEEP_ALIVE_H
#define DM_KEEP_ALIVE_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* It asks after a minute of silence. A peer that does not answer for another minute is gone. */
static inline void keep_alive(int fd)
{
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ 60 }, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ 15 }, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ 4 }, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
}

#endif
