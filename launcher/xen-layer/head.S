/*
 * Where Xen enters the image, where it reports exceptions and events, and how to go back.
 *
 * A frame is struct pv_frame of trap.h. Xen pushes rcx and r11 on top of an ordinary
 * exception's frame. In a 64-bit PV domain "kernel" and "user" both run in ring 3; Xen tells
 * them apart by which page tables are in use. It pushes CS with the privilege level 0
 * when it interrupted the kernel. From there iretq returns directly (to ring 3, where we
 * really are); to user mode only Xen can return.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
    .macro note type, directive, value:vararg
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \directive \value
2:  .balign 4
    .popsection
    .endm

    note 6, .asciz, "xen-stubdom"       /* XEN_ELFNOTE_GUEST_OS */
    note 5, .asciz, "xen-3.0"           /* XEN_VERSION */
    note 8, .asciz, "generic"           /* LOADER */
    note 3, .quad, PV_BASE              /* VIRT_BASE */
    note 4, .quad, 0                    /* PADDR_OFFSET */
    note 1, .quad, pv_entry             /* ENTRY */
    note 2, .quad, pv_hypercall_page    /* HYPERCALL_PAGE */
    note 10, .asciz, "!writable_page_tables|pae_pgdir_above_4gb"
    note 9, .asciz, "yes"               /* PAE_MODE */

    .text
    .globl pv_entry
pv_entry:                               /* rsi: start_info */
    cld
    movq %rsi, %rdi
    leaq boot_stack_end(%rip), %rsp
    xorl %ebp, %ebp
    call pv_start
    ud2

    .pushsection .text.hypercall_page, "ax"
    .balign 4096
    .globl pv_hypercall_page
pv_hypercall_page:
    .skip 4096, 0xcc
    .popsection

    .bss
    .balign 4096
    .globl pv_shared_info_page
pv_shared_info_page:
    .skip 4096
    .globl pv_boot_stack
pv_boot_stack:
    .skip 16384
boot_stack_end:

    .text
/* long pv_hypercall(op, a, b, c, d, e): edi, rsi, rdx, rcx, r8, r9 -> rax, rdi, rsi, rdx, r10, r8 */
    .globl pv_hypercall
pv_hypercall:
    movl %edi, %eax
    shll $5, %eax
    leaq pv_hypercall_page(%rip), %r11
    addq %r11, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %r10
    movq %r9, %r8
    jmp *%rax

    .macro entry name number error=0
    .globl \name
\name:
    popq %rcx
    popq %r11
    .if !\error
    pushq $0
    .endif
    pushq $\number
    jmp save_registers
    .endm

    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 16, 18, 19
    entry pv_trap_\number, \number
    .endr
    .irp number, 10, 11, 12, 13, 14, 17
    entry pv_trap_\number, \number, 1
    .endr
    entry pv_entry_event, 256
    entry pv_entry_syscall, 257

    .macro restore_registers
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    .endm

save_registers:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    testb $3, 17 * 8 + 8(%rsp)          /* cs: whom did this interrupt? */
    jnz from_user
    movq %rsp, %rbx                     /* any alignment: the kernel's own stack */
    andq $~15, %rsp
    call pv_trap_kernel
    movq %rbx, %rsp
    restore_registers
    addq $16, %rsp                      /* number, error */
    orb $3, 8(%rsp)                     /* cs, ss: ring 3 is where we really are */
    orb $3, 32(%rsp)
    iretq


from_user:
    xorl %ebp, %ebp
    call pv_trap_user                   /* the stack began 16 bytes aligned: so it is */
return_to_user:                         /* rsp: a struct pv_frame */
    cmpq $257, 15 * 8(%rsp)
    restore_registers
    leaq 16(%rsp), %rsp
    jne 1f
    pushq $0x100                        /* VGCF_in_syscall: rcx and r11 need not be restored */
    jmp pv_hypercall_page + 23 * 32     /* iret: pushes rcx, r11, rax itself */
1:  pushq $0
    jmp pv_hypercall_page + 23 * 32

    .globl pv_return_to_user
pv_return_to_user:
    movq %rdi, %rsp
    jmp return_to_user

    .globl pv_failsafe
pv_failsafe:
    ud2

/* void pv_context_switch(void **save_sp, void *load_sp) */
    .globl pv_context_switch
pv_context_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

    .globl pv_thread_entry
pv_thread_entry:                        /* r12: function, r13: argument */
    xorl %ebp, %ebp
    movq %r13, %rdi
    call *%r12
    call pv_thread_exit
    ud2

    .section .note.GNU-stack, "", @progbits
