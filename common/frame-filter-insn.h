/*
 * The instructions of classic BPF that the firewall's program is made of: frame-filter.c writes them;
 * launcher/xen-layer/frame-program.c runs them where no kernel does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FRAME_FILTER_INSN_H
#define FRAME_FILTER_INSN_H

/* The opcodes have the same numbers in Linux's linux/bpf_common.h and BSD's net/bpf.h, under different names. */
enum {
    LD_W_ABS = 0x20, LD_H_ABS = 0x28, LD_B_ABS = 0x30,
    LD_W_IND = 0x40, LD_H_IND = 0x48, LD_B_IND = 0x50,
    LD_IMM = 0x00, LD_MEM = 0x60, LDX_IMM = 0x01, ST = 0x02,
    ADD_K = 0x04, ADD_X = 0x0c, AND_K = 0x54, LSH_K = 0x64, TAX = 0x07, TXA = 0x87,
    JA = 0x05, JEQ_K = 0x15, JGE_K = 0x35, JSET_K = 0x45, JEQ_X = 0x1d,
    RET_K = 0x06,
};

#endif
