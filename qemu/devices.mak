# The devices that a guest can be given: what libxl can ask for, and what those
# need. Nothing is in by default (configure --without-default-devices); what a line
# pulls in by itself (Kconfig "select") is not repeated.

# Machines: libxl asks for xenfv, or for pc when xen_platform_pci=0. Both are the
# i440fx board with PIIX3, PIIX IDE and UHCI; the Xen platform device, xen-pvdevice
# and PCI passthrough come with the accelerator.
CONFIG_I440FX=y

# Disks
CONFIG_AHCI_ICH9=y          # hdtype="ahci"
CONFIG_LSI_SCSI_PCI=y       # sda...: lsi53c895a with scsi-hd

# Network, model= of vif
CONFIG_E1000_PCI=y
CONFIG_RTL8139_PCI=y        # the default model
CONFIG_VIRTIO_PCI=y         # model=virtio-net
CONFIG_VIRTIO_NET=y

# Graphics
CONFIG_VGA_PCI=y            # vga="stdvga"
CONFIG_VGA_CIRRUS=y         # vga="cirrus"

# USB
CONFIG_USB_EHCI_PCI=y       # usbversion=2
CONFIG_USB_XHCI_NEC=y       # usbversion=3
CONFIG_USB_HUB=y            # more than one device at usb=1
CONFIG_USB_HID=y            # usbdevice="tablet", "mouse", "keyboard"
CONFIG_USB_STORAGE_CLASSIC=y # usb-storage by device_model_args

# Sound: every name that soundhw= takes
CONFIG_AC97=y
CONFIG_ADLIB=y
CONFIG_CS4231A=y
CONFIG_ES1370=y
CONFIG_GUS=y
CONFIG_HDA=y
CONFIG_SB16=y
CONFIG_PCSPK=y              # the i440fx board is not complete without

# Ports of a PC
CONFIG_ISA_DEBUG=y          # port 0xe9 (-device isa-debugcon): how guests' firmware is debugged
