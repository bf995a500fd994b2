#!/usr/bin/env python3
"""image.py KERNEL BUSYBOX GUEST OUT: makes what the guest boots from an unpacked Debian kernel package.

OUT/vmlinux is the kernel without its compression (an emulated processor needs seconds for that), or the file
as it is where the compression is not xz; OUT/initramfs.cpio holds busybox, the modules and their order.
"""
import glob
import io
import lzma
import os
import struct
import sys

MODULES = """
    virtio_pci virtio_mmio 9pnet_virtio 9p overlay
    slhc crc_ccitt ppp_generic ppp_async
    vhci_hcd cdc_acm usbserial ftdi_sio
""".split()


def kernel(path):
    """The payload's place stands in the boot header (Documentation/x86/boot.rst)."""
    with open(path, "rb") as file:
        raw = file.read()
    setup = (raw[0x1F1] or 4) + 1
    offset, length = struct.unpack_from("<II", raw, 0x248)
    start = setup * 512 + offset
    try:
        elf = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(raw[start : start + length])
    except lzma.LZMAError:
        return raw
    return elf if elf[:4] == b"\x7fELF" else raw


def needs(path):
    """The `depends=` of the module's .modinfo section."""
    with open(path, "rb") as file:
        data = file.read()
    at = data.find(b"\0depends=")
    if at < 0:
        at = data.find(b"depends=") - 1
    end = data.index(b"\0", at + 9)
    return [name.replace("-", "_") for name in data[at + 9 : end].decode().split(",") if name]


def in_order(names, have):
    order = []

    def add(name):
        if name in order or name not in have:
            return  # built in
        for needed in needs(have[name]):
            add(needed)
        order.append(name)

    for name in names:
        add(name)
    return order


class Cpio:
    """A "newc" archive."""

    def __init__(self):
        self.out, self.inode = io.BytesIO(), 0

    def add(self, name, mode, data=b"", device=(0, 0)):
        self.inode += 1
        path = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        self.out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + path)
        self.pad()
        self.out.write(data)
        self.pad()

    def pad(self):
        self.out.write(b"\0" * (-self.out.tell() % 4))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)


def main():
    root, busybox, guest, out = sys.argv[1:5]
    os.makedirs(out, exist_ok=True)
    image = sorted(glob.glob(root + "/boot/vmlinuz-*"))[0]
    version = os.path.basename(image)[len("vmlinuz-") :]
    found = glob.glob(f"{root}/lib/modules/{version}/kernel/**/*.ko", recursive=True)
    have = {os.path.basename(path)[:-3].replace("-", "_"): path for path in found}
    order = in_order(MODULES, have)
    archive = Cpio()
    for directory in ("bin", "dev", "proc", "sys", "m", "machine", "layer", "memory", "new"):
        archive.add(directory, 0o040755)
    archive.add("dev/console", 0o020600, device=(5, 1))
    archive.add("bin/busybox", 0o100755, read(busybox))
    archive.add("init", 0o100755, read(guest + "/first"))
    for name in order:
        archive.add(f"m/{name}.ko", 0o100644, read(have[name]))
    archive.add("m/order", 0o100644, "".join(name + "\n" for name in order).encode())
    archive.add("TRAILER!!!", 0)
    write(out + "/vmlinux", kernel(image))
    write(out + "/initramfs.cpio", archive.out.getvalue())
    print(version, *order)


main()
