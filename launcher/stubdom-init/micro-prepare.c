/*
 * On the micro kernel PID 1 has nothing to prepare. The kernel has /dev and /proc from the start, unpacks the whole
 * image, and always overcommits memory.
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
