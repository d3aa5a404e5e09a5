; The smallest guest of the lab: one boot sector that talks on COM1 and VGA text.
;   nasm -f bin boot-sector.asm
; It sends "boot sector: tick" every second until it has received something. It answers a line (ended by CR) by "you
; said: LINE". The line "off" powers off, which for a one-CPU HVM guest is a halt with interrupts disabled. After
; "flood" it writes to COM1 and to the screen without end and reads nothing more. "!N" tells Xen that the guest has shut
; down for reason N (xen/sched.h), as a guest with Xen's drivers does. If it is resumed after that, it reads its own
; sector from the disk again and then says that it was resumed.
; It sleeps between timer ticks (18.2 Hz), so that an idle guest costs nothing.
; SPDX-License-Identifier: GPL-2.0-or-later
bits 16
org 0x7c00

COM1    equ 0x3f8
LINE    equ 0x7e00              ; what was received, up to LINE_MAX octets
LINE_MAX equ 200
SECTOR  equ 0x8000

start:
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        cld
        mov ax, 3               ; 80x25 text
        int 0x10
        mov dx, COM1 + 3        ; 115200 8n1, FIFO on
        mov al, 0x80
        out dx, al
        mov dx, COM1
        mov al, 1
        out dx, al
        inc dx
        xor al, al
        out dx, al
        mov dx, COM1 + 3
        mov al, 3
        out dx, al
        dec dx
        mov al, 7
        out dx, al
        mov dx, COM1 + 4
        mov al, 3
        out dx, al
        mov si, hello
        call print
        mov di, LINE
        xor bp, bp              ; ticks of the clock since the last banner

wait_tick:
        sti
        hlt
        mov dx, COM1 + 5
        in al, dx
        test al, 1
        jnz receive
        cmp bp, -1              ; no more ticks once a line has come
        je wait_tick
        inc bp
        cmp bp, 18
        jb wait_tick
        xor bp, bp
        mov si, tick
        call print
        jmp wait_tick

receive:
        mov bp, -1
        mov dx, COM1
        in al, dx
        cmp al, 13
        je answer
        cmp al, 10
        je .more
        cmp di, LINE + LINE_MAX
        jae .more
        stosb
.more:  mov dx, COM1 + 5        ; take all that is there before sleeping again
        in al, dx
        test al, 1
        jnz receive
        jmp wait_tick

answer:
        mov byte [di], 0
        mov di, LINE
        cmp word [di], 'fl'
        je flood
        cmp byte [di], '!'
        je shutdown
        cmp word [di], 'of'
        jne .echo
        cmp word [di + 2], 'f'
        je off
.echo:  mov si, said
        call print
        mov si, LINE
        call print
        mov si, newline
        call print
        jmp receive.more

flood:
        mov si, tick
        call print
        jmp flood

shutdown:                       ; sched_op(SCHEDOP_shutdown, &reason)
        movzx eax, byte [di + 1]
        sub al, '0'
        mov [di], eax
        movzx ecx, di
        mov ebx, 2
        mov eax, 29
        vmmcall                 ; the lab's CPU is an AMD one
        mov ax, 0x0201          ; resumed: one sector
        mov bx, SECTOR
        mov cx, 1
        mov dx, 0x80            ; of the first hard disk, head 0
        int 0x13
        jc wait_tick
        cmp word [SECTOR + 510], 0xaa55
        jne wait_tick
        mov si, resumed
        call print
        jmp wait_tick

off:
        mov si, bye
        call print
        cli
        hlt
        jmp off

; print: the string at SI to both serial and screen
print:
        lodsb
        test al, al
        jz .done
        push ax
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        pop ax
        mov ah, al
        mov dx, COM1 + 5
.busy:  in al, dx
        test al, 0x20
        jz .busy
        mov al, ah
        mov dx, COM1
        out dx, al
        jmp print
.done:  ret

hello:  db 'boot sector: hello', 13, 10, 0
tick:   db 'boot sector: tick', 13, 10, 0
said:   db 'you said: ', 0
resumed: db 'boot sector: resumed', 13, 10, 0
bye:    db 'boot sector: off'
newline: db 13, 10, 0

        times 510 - ($ - $$) db 0
        dw 0xaa55
