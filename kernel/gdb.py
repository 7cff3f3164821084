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


def go_on_at(function, act):
    """The next stop is at the function.  Then act() is called, and the guest goes on.

    A breakpoint that stays would be one to step over, and QEMU stops interrupts and clocks for a single step: some
    guests then stood still until a key was pressed.  A temporary one is gone, so that nothing is stepped over.
    """
    breakpoint_ = gdb.Breakpoint(f"*{function}", gdb.BP_HARDWARE_BREAKPOINT, temporary=True)
    breakpoint_.silent = True
    breakpoint_.commands = f"silent\npython {act}()\ncontinue"


def module_comes():
    go_on_at("do_init_module", "module_lies_there")


def module_lies_there():
    register = "$x0" if "aarch64" in gdb.selected_inferior().architecture().name() else "$rdi"
    try:
        add_symbols(gdb.parse_and_eval(f"(struct module *){register}").dereference())
    except gdb.error as error:
        print(f"memsan: no symbols for a module: {error}")
    go_on_at("load_module", "module_comes")


class Start(gdb.Command):
    def __init__(self):
        super().__init__("memsan-start", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        # in hardware: the kernel is not in memory yet
        gdb.execute("thbreak start_kernel", to_string=True)
        gdb.execute("continue")
        module_comes()


Modules()
Start()
