; A boot sector that talks on each of COM1 … COM4 separately. It sends "COMn: here" every second until it receives
; something on that port, and echoes what it receives. A line's end (CR) is answered by "COMn: end". It leaves ports
; alone that do not exist.
;   nasm -f bin serial-ports.asm
; SPDX-License-Identifier: GPL-2.0-or-later
bits 16
org 0x7c00

PORTS   equ 4
HEARD   equ 0x7e00              ; a byte for each port: something was received

start:
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        cld
        mov di, HEARD
        mov cx, PORTS
        rep stosb
        mov si, init
        call each
        xor bp, bp
wait_tick:
        sti
        hlt                     ; until the next tick of the clock, 18.2 Hz
        mov si, echo
        call each
        inc bp
        cmp bp, 18
        jb wait_tick
        xor bp, bp
        mov si, banner
        call each
        jmp wait_tick

; each: calls SI for each port that exists, with its first address in DX and its number in BX
each:   xor bx, bx
.next:  mov di, bx
        shl di, 1
        mov dx, [bases + di]
        add dx, 7               ; the scratch register
        mov al, 0x5a
        out dx, al
        in al, dx
        cmp al, 0x5a
        jne .none
        sub dx, 7
        push si
        call si
        pop si
.none:  inc bx
        cmp bx, PORTS
        jb .next
        ret

init:   add dx, 3               ; 115200 8n1, FIFO on
        mov al, 0x80
        out dx, al
        sub dx, 3
        mov ax, 1
        out dx, al
        inc dx
        mov al, ah
        out dx, al
        add dx, 2
        mov al, 3
        out dx, al
        dec dx
        mov al, 7
        out dx, al
        sub dx, 2
        jmp banner

banner: cmp byte [HEARD + bx], 0
        jne done
        mov si, here
        jmp print

echo:   add dx, 5
        in al, dx
        sub dx, 5
        test al, 1
        jz done
        in al, dx
        mov byte [HEARD + bx], 1
        cmp al, 13
        je .end
        call send
        jmp echo
.end:   mov si, end
        call print
        jmp echo

; print: "COMn: " and the string at SI
print:  push si
        mov si, name
        call string
        mov al, bl
        add al, '1'
        call send
        pop si
string: lodsb
        test al, al
        jz done
        call send
        jmp string

send:   mov ah, al
        add dx, 5
.busy:  in al, dx
        test al, 0x20
        jz .busy
        sub dx, 5
        mov al, ah
        out dx, al
done:   ret

bases:  dw 0x3f8, 0x2f8, 0x3e8, 0x2e8
name:   db 'COM', 0
here:   db ': here', 13, 10, 0
end:    db ': end', 13, 10, 0

        times 510 - ($ - $$) db 0
        dw 0xaa55
