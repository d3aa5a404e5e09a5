/*
 * Runs the firewall's programs (common/frame-filter.h). It knows the part of classic BPF that frame_filter_build()
 * uses. Its instructions do what they do on Linux and NetBSD.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FRAME_PROGRAM_H
#define FRAME_PROGRAM_H

#include "../../common/frame-filter.h"

/*
 * Is it a program that may be run? Known instructions only, jumps forward and within it, an
 * end at its end: so it takes at most count steps.
 */
bool frame_program_valid(const struct frame_filter_insn *insns, unsigned int count);

/* Runs a valid one over a frame. A load beyond the frame's end drops it. */
bool frame_program_passes(const struct frame_filter_insn *insns, const uint8_t *frame, size_t size);

#endif
