/*
 * What the micro kernel leaves to PID 1: nothing. It has /dev and /proc from the start and
 * unpacks the whole image, and it counts the memory that is touched, not what is reserved.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"

#include <fcntl.h>
#include <signal.h>

const unsigned int linux_least_memory = STUBDOM_LEAST_MICRO;
const int linux_memory_signal = SIGBUS;

void linux_prepare(int *console)
{
    *console = open(LINUX_CONSOLE, O_RDWR | O_NOCTTY | O_CLOEXEC);
}
