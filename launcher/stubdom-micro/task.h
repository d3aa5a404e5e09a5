/*
 * Tasks (Linux's threads), processes and their memory: what the files of the kernel's core
 * share. Devices need micro.h alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TASK_H
#define TASK_H

#include "micro.h"
#include "trap.h"

#define TASKS_MAX 64     /* of a process */
#define SIGNALS 64
#define SIGNAL_BIT(n) (1UL << ((n) - 1))

/* Linux's signal numbers and flags: its headers for them do not mix with a kernel of another kind. */
enum {
    MICRO_SIGQUIT = 3, MICRO_SIGILL = 4, MICRO_SIGTRAP = 5, MICRO_SIGABRT = 6, MICRO_SIGBUS = 7, MICRO_SIGFPE = 8,
    MICRO_SIGKILL = 9, MICRO_SIGSEGV = 11, MICRO_SIGPIPE = 13, MICRO_SIGCHLD = 17, MICRO_SIGCONT = 18,
    MICRO_SIGSTOP = 19, MICRO_SIGURG = 23, MICRO_SIGWINCH = 28, MICRO_SIGSYS = 31,
};

/* struct kernel_sigaction of x86-64 */
struct signal_action { uintptr_t handler; uint64_t flags; uintptr_t restorer; uint64_t mask; };
enum { ACTION_DEFAULT = 0, ACTION_IGNORE = 1 };
struct signal_stack { uintptr_t base; int32_t flags; uint32_t pad; uint64_t size; }; /* stack_t */
enum { STACK_DISABLED = 2, STACK_IN_USE = 1 };

struct signal_info { int32_t number, code, sender; uint32_t uid; int32_t status; uintptr_t address; };

struct space {
    pv_root *root, *user;
    struct vma *vmas;
    uintptr_t mmap_top;
    uintptr_t base;                   /* what was added to the addresses of its program's file */
};

struct process {
    int pid, parent;
    unsigned int uid, gid;
    struct space *space;
    struct fd_table *fds;
    struct fs_state fs;
    struct signal_action actions[SIGNALS];
    uint64_t pending;                 /* for any task */
    struct signal_info info[SIGNALS];
    struct task *tasks;
    unsigned int task_count;
    bool ending, ended;
    int status;                       /* as wait4() gives it */
    struct pv_queue children;         /* woken when one of them ends */
    char name[16];
    struct process *next;
};

struct task {
    struct pv_thread *thread;
    struct process *process;
    struct task *next;                /* of its process */
    int tid;
    uint64_t blocked, pending, restore_mask;
    bool restore_blocked;
    struct signal_stack alt;
    uintptr_t clear_tid, fs_base;
    struct pv_frame *frame;           /* on its kernel stack, while it is in the kernel */
    void *fpu;                        /* FXSAVE's 512 bytes */
};

/* task.c */
extern struct process *processes;
struct process *process_find(int pid);
/* Everything of it ends, with this status of wait4(); the calling task at its next look. */
void process_end(struct process *process, int status);
/* The calling task leaves for ever. */
void task_exit(void) __attribute__((noreturn));
/* The first process: an open program, with its arguments. Called once. */
int process_start_first(const char *path, const char *const *argv, const char *const *envp);
void task_init(void);
/* The space is the CPU's from now on. */
void task_use_space(struct space *space);

/* space.c */
struct vma *space_vma(struct space *space, uintptr_t va); /* that holds va, or NULL */
struct space *space_new(void);
void space_free(struct space *space); /* not while it is in use */
struct space *space_copy(struct space *from);
/* Maps; see sys_mmap. where 0: anywhere. An address or an error. */
long space_map(struct space *space, uintptr_t where, size_t size, unsigned int prot, unsigned int flags,
               struct file *file, uint64_t offset);
/* May the program do this at va, if there is memory? */
bool space_allows(struct space *space, uintptr_t va, bool write, bool exec);
/* A fault at va: true, mended. */
bool space_fault(struct space *space, uintptr_t va, bool write, bool exec);

/* exec.c: replaces the program of the calling task; *frame then starts it. */
int exec_load(struct file *program, const char *name, const char *const *argv, const char *const *envp,
              struct space **space, struct pv_frame *frame);

/* user-memory.c: a fault of the kernel's at a user address ends the copy that made it; false: nobody's. */
bool user_memory_fault(struct pv_frame *frame, uint64_t cr2);

/* signal.c */
void signal_send_task(struct task *task, const struct signal_info *info);
void signal_send_process(struct process *process, const struct signal_info *info);
/* A fault of the calling task's own: cannot be blocked or ignored. */
void signal_fault(int number, int code, uintptr_t address);
/* Before returning to user mode: delivers what is pending. */
void signal_deliver(struct task *task, struct pv_frame *frame);
/* True: something that is not blocked is pending. */
bool signal_pending(struct task *task);
/* What a mask of signals that is waited for takes: the number, or 0. */
int signal_take(struct task *task, uint64_t mask, struct signal_info *info);
/* signalfd.c: something was sent to this process. */
void signalfd_changed(struct process *process);

/* program-trace.c: where the tasks of the calling task's process are, this one first, to the log */
void program_trace(const struct task *first);

/* futex.c */
void futex_wake_all(uintptr_t address);

/* syscalls.c */
long syscall_dispatch(struct pv_frame *frame);

/* vdso.c: maps it at VDSO_AT. 0 or -PV_ENOMEM. */
int vdso_map(struct space *space);

#endif
