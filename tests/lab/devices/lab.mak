# The devices of the lab's machine (../machine): a PC, and virtio for its disks, network and events.
CONFIG_I440FX=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_NET=y
CONFIG_VIRTIO_SERIAL=y

# The machine with an IOMMU, and what is given to guests there.
CONFIG_Q35=y
CONFIG_AMD_IOMMU=y
CONFIG_NVME_PCI=y               # MSI-X, a BAR of 64 bits
CONFIG_E1000E_PCI_EXPRESS=y     # MSI-X and MSI, an expansion ROM
CONFIG_RTL8139_PCI=y            # INTx only, ports
