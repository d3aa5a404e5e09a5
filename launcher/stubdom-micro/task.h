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

#define TASKS_MAX 192    /* of a process: QEMU has one for each vCPU of the guest's, of which there are up to 128 */
#define SIGNALS 64
#define SIGNAL_BIT(n) (1UL << ((n) - 1))

/* Linux's signal numbers and flags. Its headers for them cannot be used here. */
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
    uintptr_t base;                   /* where its program is loaded: this minus the address in the program's file */
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
    int status;                       /* as wait4() returns it */
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
    struct pv_frame *frame;           /* its registers in user mode, on its kernel stack, while it is in the kernel */
    void *fpu;                        /* FXSAVE's 512 bytes */
};

/* task.c */
extern struct process *processes;
struct process *process_find(int pid);
/* Ends all tasks of a process, with this status for wait4(). The calling task ends when it returns to user mode. */
void process_end(struct process *process, int status);
/* Ends the calling task. */
void task_exit(void) __attribute__((noreturn));
/* Starts the first process, with this program and its arguments. Called once. */
int process_start_first(const char *path, const char *const *argv, const char *const *envp);
void task_init(void);
/* Makes this space the CPU's. */
void task_use_space(struct space *space);

/* space.c */
struct vma *space_vma(struct space *space, uintptr_t va); /* that holds va, or NULL */
struct space *space_new(void);
void space_free(struct space *space); /* not while it is in use */
struct space *space_copy(struct space *from);
/* As mmap(). where 0: anywhere. The address, or an error. */
long space_map(struct space *space, uintptr_t where, size_t size, unsigned int prot, unsigned int flags,
               struct file *file, uint64_t offset);
/* May the program do this at va, if there is memory? */
bool space_allows(struct space *space, uintptr_t va, bool write, bool exec);
/* Handles a fault at va. True: the page is there now. */
bool space_fault(struct space *space, uintptr_t va, bool write, bool exec);

/* exec.c: replaces the program of the calling task; *frame then starts it. */
int exec_load(struct file *program, const char *name, const char *const *argv, const char *const *envp,
              struct space **space, struct pv_frame *frame);

/* user-memory.c: ends a copy whose user address cannot be accessed. False: the fault was not in a copy. */
bool user_memory_fault(struct pv_frame *frame, uint64_t cr2);

/* signal.c */
void signal_send_task(struct task *task, const struct signal_info *info);
void signal_send_process(struct process *process, const struct signal_info *info);
/* For a fault of the calling task. Such a signal cannot be blocked or ignored. */
void signal_fault(int number, int code, uintptr_t address);
/* Before returning to user mode: delivers what is pending. */
void signal_deliver(struct task *task, struct pv_frame *frame);
/* True: something that is not blocked is pending. */
bool signal_pending(struct task *task);
/* Takes a pending signal that is in the mask. Its number, or 0. */
int signal_take(struct task *task, uint64_t mask, struct signal_info *info);
/* signalfd.c: something was sent to this process. */
void signalfd_changed(struct process *process);

/* program-trace.c: logs where the tasks of the calling task's process are, this one first */
void program_trace(const struct task *first);

/* futex.c */
void futex_wake_all(uintptr_t address);

/* syscalls.c */
long syscall_dispatch(struct pv_frame *frame);

/* vdso.c: maps it at VDSO_AT. 0 or -PV_ENOMEM. */
int vdso_map(struct space *space);

#endif
