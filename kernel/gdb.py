# SPDX-License-Identifier: BSD-2-Clause
"""kernel/gdb.py - gdb's commands for a guest of "memsan kernel shell --gdb".

    memsan-modules FOLDER    adds a folder with .ko files and their debug information, and the folders in it
    memsan-start             lets the guest run to the kernel's first C function, with symbols for each module that
                             is loaded from then on

The kernel calls do_init_module(struct module *) when a module lies in memory and has not run yet.  There its sections'
addresses are in mod->sect_attrs.
"""
import os

import gdb

files = {}


class Modules(gdb.Command):
    def __init__(self):
        super().__init__("memsan-modules", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        for folder, _, names in os.walk(argument):
            for name in names:
                if name.endswith(".ko"):
                    files.setdefault(name[:-3].replace("-", "_"), os.path.join(folder, name))


def sections(module):
    attributes = module["sect_attrs"]
    for i in range(int(attributes["nsections"])):
        entry = attributes["attrs"][i]
        yield entry["battr"]["attr"]["name"].string(), int(entry["address"])


def add_symbols(module):
    name = module["name"].string()
    if name not in files:
        print(f"memsan: there is no {name}.ko with symbols (memsan-modules FOLDER adds some)")
        return
    places = dict(sections(module))
    text = places.pop(".text", 0)
    others = "".join(f" -s {section} {address:#x}" for section, address in places.items()
                     if section.startswith((".data", ".bss", ".rodata", ".init.text", ".text", ".exit.text")))
    gdb.execute(f"add-symbol-file {files[name]} {text:#x}{others}", to_string=True)
    print(f"memsan: module {name} at {text:#x}")


class ModuleLoads(gdb.Breakpoint):
    def stop(self):
        register = "$x0" if "aarch64" in gdb.selected_inferior().architecture().name() else "$rdi"
        try:
            add_symbols(gdb.parse_and_eval(f"(struct module *){register}").dereference())
        except gdb.error as error:
            print(f"memsan: no symbols for a module: {error}")
        return False


class Start(gdb.Command):
    def __init__(self):
        super().__init__("memsan-start", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        # QEMU stops interrupts and clocks for a single step, and gdb makes one to go on behind ModuleLoads.  Such a
        # guest sometimes stood still until a key was pressed.
        gdb.execute("maintenance packet Qqemu.sstep=0x1", to_string=True)
        # in hardware: the kernel is not in memory yet
        gdb.execute("thbreak start_kernel", to_string=True)
        ModuleLoads("*do_init_module", gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        gdb.execute("continue")


Modules()
Start()
