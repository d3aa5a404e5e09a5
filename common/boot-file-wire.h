/*
 * How a boot file comes from dom0: over a vchan whose server is the stub domain, one
 * way and once.
 *
 *   octets 0-7     the file's length, little endian, at most BOOT_FILE_MAX
 *   then           that many bytes
 *
 * When all is there the stub domain closes the vchan. If dom0's end goes away before that, it was started anew: the
 * vchan is offered again, and dom0 sends all from the start.
 *
 * Path: /local/domain/<stub>/device-model/<guest>/files/<enum dm_file_kind>
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BOOT_FILE_WIRE_H
#define BOOT_FILE_WIRE_H

#include <stdint.h>

#define BOOT_FILE_HEADER 8
#define BOOT_FILE_MAX (1u << 30)

static inline void boot_file_pack(uint8_t header[BOOT_FILE_HEADER], uint64_t length)
{
    for (int i = 0; i < BOOT_FILE_HEADER; i++)
        header[i] = length >> (8 * i);
}

static inline uint64_t boot_file_unpack(const uint8_t header[BOOT_FILE_HEADER])
{
    uint64_t length = 0;

    for (int i = 0; i < BOOT_FILE_HEADER; i++)
        length |= (uint64_t)header[i] << (8 * i);
    return length;
}

#endif
