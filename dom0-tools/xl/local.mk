# SPDX-License-Identifier: GPL-2.0-or-later
# What xl runs: its hotplug script for our disks, and a plug-in a command for an xl that takes them.
scriptdir = $(XEN_SCRIPTDIR)
xlplugindir = $(XL_PLUGINDIR)

script_SCRIPTS = dom0-tools/xl/block-xengraft
CLEANFILES += dom0-tools/xl/block-xengraft
EXTRA_DIST += dom0-tools/xl/block-xengraft.in dom0-tools/xl/xl-graft.in dom0-tools/xl/README.md

XG_XL_SED = sed -e 's|@sbindir[@]|$(sbindir)|g; s|@localstatedir[@]|$(localstatedir)|g'

dom0-tools/xl/block-xengraft: $(srcdir)/dom0-tools/xl/block-xengraft.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(XG_XL_SED) $(srcdir)/dom0-tools/xl/block-xengraft.in >$@.tmp && \
		chmod +x $@.tmp && mv $@.tmp $@

# xl graft-NAME: NAME is xengraft's command, but for these three.
XG_XL_GRAFTS = attach daemon detach history inspect list reconnect rollback status swap upgrade withdraw
XG_XL_COMMAND = case $$name in attach|detach|list) command=disk-$$name;; *) command=$$name;; esac
XG_XL_PLUGINS = $(XG_XL_GRAFTS:%=dom0-tools/xl/xl-graft-%)
XG_XL_HELP = $(XG_XL_GRAFTS:%=dom0-tools/xl/xl-graft-%.help)
xlplugin_SCRIPTS = $(XG_XL_PLUGINS)
nodist_xlplugin_DATA = $(XG_XL_HELP)
CLEANFILES += $(XG_XL_PLUGINS) $(XG_XL_HELP)

$(XG_XL_PLUGINS): $(srcdir)/dom0-tools/xl/xl-graft.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D); name=$(@F); name=$${name#xl-graft-}; $(XG_XL_COMMAND); \
		$(XG_XL_SED) -e "s|@name[@]|graft-$$name|g; s|@command[@]|$$command|g" \
		$(srcdir)/dom0-tools/xl/xl-graft.in >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@

# What the command itself says: the line for xl's list first, then how it is called.
$(XG_XL_HELP): dom0-tools/cli/xengraft
	$(AM_V_GEN)$(MKDIR_P) $(@D); name=$(@F:.help=); name=$${name#xl-graft-}; $(XG_XL_COMMAND); \
		dom0-tools/cli/xengraft help $$command | awk -v name="graft-$$name" -v command="$$command" ' \
		NR == 1 { sub(/^usage: xengraft \[-v\] \[-N\] /, ""); usage = $$0 } \
		NR == 1 { sub(command, "Usage: xl [-vN] " name, usage) } \
		NR == 3 { sub(/\.$$/, ""); print; print ""; print usage } \
		NR > 3 { print }' >$@.tmp && test -s $@.tmp && mv $@.tmp $@
