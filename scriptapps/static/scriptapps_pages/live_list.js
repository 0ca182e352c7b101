/* The list of script sessions updates by itself.
 *
 * The page asks for its own address again and takes over what changed, cell by cell: checkboxes, focus and what is being
 * typed stay as they are. Whatever theme draws the rows: a row is what holds an element with data-scriptapps-row. */
'use strict';
{
    const EVERY_MS = 1000;
    const MOST_MS = 30000;
    // A server that takes long is asked less often: at most a tenth of the time is spent on answers.
    const REST = 9;
    const PAUSED = 'scriptapps-list-paused';

    class LiveList {
        constructor(bar) {
            this.bar = bar;
            this.note = bar.querySelector('[role=status]');
            this.switch = bar.querySelector('button');
            this.seen = bar.dataset.seen;
            this.units = bar.dataset.units.split(' ');
            this.failures = 0;
            this.timer = 0;
            this.asking = null;
            this.ended = false;
            this.typed = new WeakSet();
            this.paused = sessionStorage.getItem(PAUSED) === 'yes';
            this.switch.hidden = false;
            this.switch.addEventListener('click', () => this.toggle());
            document.addEventListener('visibilitychange', () => this.resume());
            document.addEventListener('input', (event) => this.typed.add(event.target));
            document.addEventListener('click', (event) => this.chosen(event.target));
            document.addEventListener('change', (event) => this.chosen(event.target));
            window.addEventListener('pageshow', () => this.count());
            this.show();
            this.wait(EVERY_MS);
        }

        get active() {
            return !this.paused && !this.ended && document.visibilityState === 'visible';
        }

        toggle() {
            this.paused = !this.paused;
            if (this.paused) {
                sessionStorage.setItem(PAUSED, 'yes');
            } else {
                sessionStorage.removeItem(PAUSED);
            }
            this.say('');
            this.resume();
        }

        resume() {
            this.show();
            clearTimeout(this.timer);
            if (this.active) {
                this.ask();
            } else if (this.asking) {
                this.asking.abort();
            }
        }

        wait(milliseconds) {
            clearTimeout(this.timer);
            if (this.active) {
                this.timer = setTimeout(() => this.ask(), milliseconds);
            }
        }

        async ask() {
            if (this.asking) {
                return;
            }
            this.asking = new AbortController();
            const started = performance.now();
            try {
                await this.update();
                this.failures = 0;
            } catch (error) {
                if (error.name !== 'AbortError') {
                    this.failures += 1;
                    this.say(this.bar.dataset.retry);
                }
            }
            this.asking = null;
            this.show();
            const rest = (performance.now() - started) * REST;
            this.wait(this.failures ? Math.min(EVERY_MS * 2 ** this.failures, MOST_MS) : Math.max(EVERY_MS, rest));
        }

        async update() {
            const response = await fetch(location.href, {
                headers: {'X-Scriptapps-Seen': this.seen},
                redirect: 'manual',
                cache: 'no-store',
                signal: this.asking.signal,
            });
            if (response.type === 'opaqueredirect' || response.status === 403) {
                this.ended = true;
                this.say(this.bar.dataset.left);
                return;
            }
            if (!response.ok) {
                throw new Error(String(response.status));
            }
            if (response.status !== 204) {
                const page = new DOMParser().parseFromString(await response.text(), 'text/html');
                if (!this.active) {
                    return;
                }
                this.take(page);
            } else if (this.failures) {
                this.say('');
            }
            this.tick();
        }

        take(page) {
            const bar = page.querySelector('[data-scriptapps-live]');
            if (!bar) {
                throw new Error('This is another page.');
            }
            this.seen = bar.dataset.seen;
            copy(this.bar.querySelector('.scriptapps-counts'), bar.querySelector('.scriptapps-counts'));
            const rows = rowsOf(page);
            const fits = rows.size === 0 || this.takeRows(rows);
            if (rows.size === 0) {
                rowsOf(document).forEach((row) => row.remove());
            }
            for (const selector of ['.paginator', '.actions .question a', '.actions .all']) {
                const [own, other] = [document.querySelectorAll(selector), page.querySelectorAll(selector)];
                if (own.length === 1 && other.length === 1 && !own[0].contains(document.activeElement)) {
                    copy(own[0], other[0]);
                }
            }
            this.count();
            this.say(fits ? '' : this.bar.dataset.reload);
        }

        /* Make the rows those of the page that came. False if that cannot be done here. */
        takeRows(rows) {
            const present = rowsOf(document);
            const first = present.values().next().value || document.querySelector('#result_list > tbody');
            if (!first) {
                // An empty list has no table to put rows into.
                if (this.isInUse()) {
                    return false;
                }
                location.reload();
                return true;
            }
            const parent = present.size ? first.parentNode : first;
            const focused = document.activeElement;
            present.forEach((row, key) => {
                if (!rows.has(key)) {
                    row.remove();
                    present.delete(key);
                }
            });
            let place = present.size ? present.values().next().value : null;
            rows.forEach((row, key) => {
                const own = present.get(key);
                if (own) {
                    updateRow(own, row);
                }
                const wanted = own || document.importNode(row, true);
                if (wanted === place) {
                    place = nextRow(place);
                } else {
                    parent.insertBefore(wanted, place);
                }
            });
            if (focused && focused !== document.activeElement && focused.isConnected) {
                focused.focus({preventScroll: true});
            }
            return true;
        }

        isInUse() {
            const element = document.activeElement;
            return Boolean(element && this.typed.has(element)) || document.querySelector('dialog[open]') !== null;
        }

        /* The admin's own script knows the checkboxes that were there at first. */
        chosen(target) {
            if (target.id === 'action-toggle') {
                boxes().forEach((box) => {
                    box.checked = target.checked;
                });
            }
            if (target.id === 'action-toggle' || (target.classList && target.classList.contains('action-select'))) {
                this.count();
            }
        }

        count() {
            const all = boxes();
            const checked = all.filter((box) => box.checked).length;
            all.forEach((box) => box.closest('tr').classList.toggle('selected', box.checked));
            const counter = document.querySelector('span.action-counter');
            const toggle = document.getElementById('action-toggle');
            if (toggle) {
                toggle.checked = all.length > 0 && checked === all.length;
            }
            if (counter && window.interpolate && window.ngettext) {
                counter.dataset.actionsIcnt = String(all.length);
                const text = window.ngettext('%(sel)s of %(cnt)s selected', '%(sel)s of %(cnt)s selected', checked);
                setText(counter, window.interpolate(text, {sel: checked, cnt: all.length}, true));
            }
        }

        /* Ages go on without the server. */
        tick() {
            document.querySelectorAll('time[data-scriptapps-age]').forEach((time) => {
                const seconds = Math.max(Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000), 0);
                const [size, unit] = [[86400, 3], [3600, 2], [60, 1], [1, 0]].find(([size]) => seconds >= size) || [1, 0];
                setText(time, `${Math.floor(seconds / size)} ${this.units[unit]}`);
            });
        }

        say(text) {
            setText(this.note, text);
        }

        show() {
            this.bar.dataset.state = this.ended || this.failures ? 'failing' : this.paused ? 'paused' : 'live';
            this.switch.setAttribute('aria-pressed', String(!this.paused));
            this.switch.disabled = this.ended;
        }
    }

    /* Rows by session, in order. */
    function rowsOf(page) {
        const found = new Map();
        page.querySelectorAll('#result_list [data-scriptapps-row]').forEach((mark) => {
            const line = mark.closest('tr');
            const body = line.parentNode;
            // Some themes give each row a body of its own.
            const alone = body.querySelectorAll('[data-scriptapps-row]').length === 1 && body.parentNode.tBodies.length > 1;
            found.set(mark.dataset.scriptappsRow, alone ? body : line);
        });
        return found;
    }

    function nextRow(row) {
        let next = row.nextElementSibling;
        while (next && !next.querySelector('[data-scriptapps-row]')) {
            next = next.nextElementSibling;
        }
        return next;
    }

    function updateRow(own, other) {
        const [cells, others] = [own.querySelectorAll('td, th'), other.querySelectorAll('td, th')];
        cells.forEach((cell, place) => {
            if (others[place] && !cell.querySelector('input.action-select')) {
                copy(cell, others[place]);
            }
        });
    }

    /* Make what is in an element that of another, unless it is already. */
    function copy(own, other) {
        if (text(own) === text(other)) {
            return;
        }
        const focused = own.contains(document.activeElement) ? document.activeElement : null;
        const place = focused && [...own.querySelectorAll(focused.localName)].indexOf(focused);
        own.replaceChildren(...[...other.childNodes].map((node) => document.importNode(node, true)));
        const again = focused && own.querySelectorAll(focused.localName)[place];
        if (again) {
            again.focus({preventScroll: true});
        }
    }

    /* Ages differ only because time goes by. */
    function text(element) {
        return element.innerHTML.replace(/(<time data-scriptapps-age[^>]*>)[^<]*/g, '$1');
    }

    function setText(element, text) {
        if (element.textContent !== text) {
            element.textContent = text;
        }
    }

    function boxes() {
        return [...document.querySelectorAll('#result_list input.action-select')];
    }

    document.addEventListener('DOMContentLoaded', () => {
        const bar = document.querySelector('[data-scriptapps-live]');
        if (bar) {
            new LiveList(bar);
        }
    });
}
