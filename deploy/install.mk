# make install, make uninstall: DESTDIR, PREFIX and the folders below it may be given.
#
#   make && sudo make install                          # below /usr/local
#   make install DESTDIR=/tmp/stage PREFIX=/usr        # for a package

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/cartrita
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR  ?= $(PREFIX)/share/zsh/vendor-completions
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d
# The worker looks for its own plugins there, from where it lies itself.
PLUGINDIR  := $(BINDIR)/../lib/cartrita/plugins
PLUGINDIR  := $(patsubst %/bin/../lib/cartrita/plugins,%/lib/cartrita/plugins,$(PLUGINDIR))

INSTALL ?= install
at = $(DESTDIR)$(1)
filled_in = sed 's|@PREFIX@|$(PREFIX)|; s|@BINDIR@|$(BINDIR)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@PLUGINDIR@|$(PLUGINDIR)|; s|@SYSCONFDIR@|$(SYSCONFDIR)|; s|@VERSION@|$(VERSION)|'

install: all man ## install below DESTDIR and PREFIX (/usr/local): programs, plugins, headers, units
	$(INSTALL) -d $(foreach dir,$(BINDIR) $(PLUGINDIR) $(LIBDIR)/pkgconfig $(INCLUDEDIR)/cartrita/sdk $(MANDIR)/man1 $(DOCDIR) $(SYSCONFDIR)/cartrita $(UNITDIR) $(SYSUSERSDIR) $(BASHCOMPDIR) $(ZSHCOMPDIR) $(FISHCOMPDIR),$(call at,$(dir)))
	$(INSTALL) -m 755 $(PROGRAMS) $(call at,$(BINDIR))
	$(INSTALL) -m 644 $(PLUGINS:%=$(BUILD)/plugins/%.so) $(call at,$(PLUGINDIR))
	$(INSTALL) -m 644 worker/include/cartrita/plugin.h $(call at,$(INCLUDEDIR)/cartrita)
	$(INSTALL) -m 644 worker/include/cartrita/sdk/*.h $(call at,$(INCLUDEDIR)/cartrita/sdk)
	$(INSTALL) -m 644 $(BUILD)/libsdk.a $(call at,$(LIBDIR)/libcartrita-sdk.a)
	for name in cartrita-plugin cartrita-sdk; do $(filled_in) deploy/pkgconfig/$$name.pc.in >$(call at,$(LIBDIR)/pkgconfig)/$$name.pc || exit 1; done
	$(INSTALL) -m 644 $(BUILD)/man/man1/*.1 $(call at,$(MANDIR)/man1)
	$(INSTALL) -m 644 README.md LICENSE proto/PROTOCOL.md examples/cartrita.yaml examples/job-types.yaml $(call at,$(DOCDIR))
	for name in cartrita-queued.service cartrita-worker@.service; do $(filled_in) deploy/systemd/$$name.in >$(call at,$(UNITDIR))/$$name || exit 1; done
	$(INSTALL) -m 644 deploy/systemd/cartrita.sysusers $(call at,$(SYSUSERSDIR)/cartrita.conf)
	for name in queued.yaml; do [ -e $(call at,$(SYSCONFDIR)/cartrita)/$$name ] || $(INSTALL) -m 644 deploy/systemd/$$name $(call at,$(SYSCONFDIR)/cartrita) || exit 1; done
	$(BUILD)/cartrita-q completion bash >$(call at,$(BASHCOMPDIR))/cartrita-q
	$(BUILD)/cartrita-q completion zsh >$(call at,$(ZSHCOMPDIR))/_cartrita-q
	$(BUILD)/cartrita-q completion fish >$(call at,$(FISHCOMPDIR))/cartrita-q.fish

uninstall: ## remove what make install put there, but no configuration
	rm -f $(foreach program,$(notdir $(PROGRAMS)),$(call at,$(BINDIR)/$(program)))
	rm -f $(foreach name,cartrita-plugin cartrita-sdk,$(call at,$(LIBDIR)/pkgconfig/$(name).pc)) $(call at,$(LIBDIR)/libcartrita-sdk.a)
	rm -f $(call at,$(MANDIR)/man1)/cartrita-q.1 $(call at,$(MANDIR)/man1)/cartrita-q-*.1 $(call at,$(MANDIR)/man1)/cartrita-queued.1 $(call at,$(MANDIR)/man1)/cartrita-worker.1
	rm -f $(foreach unit,cartrita-queued.service cartrita-worker@.service,$(call at,$(UNITDIR)/$(unit))) $(call at,$(SYSUSERSDIR)/cartrita.conf)
	rm -f $(call at,$(BASHCOMPDIR)/cartrita-q) $(call at,$(ZSHCOMPDIR)/_cartrita-q) $(call at,$(FISHCOMPDIR)/cartrita-q.fish)
	rm -rf $(call at,$(LIBDIR)/cartrita) $(call at,$(INCLUDEDIR)/cartrita) $(call at,$(DOCDIR))

# Packages of Debian, in build/deb. The tree itself stays without a debian/.
DEB_TREE = $(BUILD)/deb/cartrita-$(VERSION)
deb: ## build the .deb packages into build/deb (needs debhelper and what install-deps.sh build brings)
	rm -rf $(BUILD)/deb
	mkdir -p $(DEB_TREE)
	git ls-files -z | tar -c --null -T - | tar -x -C $(DEB_TREE)
	mv $(DEB_TREE)/deploy/debian $(DEB_TREE)/debian
	cd $(DEB_TREE) && MAKEFLAGS= dpkg-buildpackage -b -us -uc

.PHONY: install uninstall deb
