; How long does a port access take? A boot sector that reads a port as often as it can for 36 ticks of its clock
; (18.2065 Hz), prints how often, and begins again:
;   port io: 0000abcd of qemu, 00abcdef of xen
; The first port is the IDE controller's alternate status, which the device model
; answers, the second one the interval timer's, which Xen answers by itself.
;   nasm -f bin port-io.asm
; SPDX-License-Identifier: GPL-2.0-or-later
bits 16
org 0x7c00

COM1    equ 0x3f8
TICKS   equ 0x46c               ; the BIOS counts ticks here
PERIOD  equ 36

start:
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7c00
        cld
        mov dx, COM1 + 3        ; 115200 8n1
        mov al, 0x80
        out dx, al
        mov dx, COM1
        mov ax, 1
        out dx, ax
        mov dx, COM1 + 3
        mov al, 3
        out dx, al
        sti
again:
        mov si, head
        call print
        mov dx, 0x3f6
        call measure
        mov si, of_qemu
        call print
        mov dx, 0x40
        call measure
        mov si, of_xen
        call print
        jmp again

; measure: reads port DX for PERIOD ticks, from the beginning of one; prints how often
measure:
        mov ebx, [TICKS]
.begin: cmp ebx, [TICKS]
        je .begin
        mov ebx, [TICKS]
        add ebx, PERIOD
        xor ecx, ecx
.read:  in al, dx
        inc ecx
        cmp [TICKS], ebx
        jb .read
        mov ebx, 8              ; digits
.digit: rol ecx, 4
        mov al, cl
        and al, 15
        add al, '0'
        cmp al, '9'
        jbe .send
        add al, 'a' - '9' - 1
.send:  call send
        dec bx
        jnz .digit
        ret

; print: the string at SI; send: AL
print:
        lodsb
        test al, al
        jz .done
        call send
        jmp print
.done:  ret
send:
        mov ah, al
        mov dx, COM1 + 5
.busy:  in al, dx
        test al, 0x20
        jz .busy
        mov al, ah
        mov dx, COM1
        out dx, al
        ret

head:   db 'port io: ', 0
of_qemu: db ' of qemu, ', 0
of_xen: db ' of xen', 13, 10, 0

        times 510 - ($ - $$) db 0
        dw 0xaa55
