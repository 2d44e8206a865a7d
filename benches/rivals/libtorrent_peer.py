"""One peer on libtorrent, as a process of its own.

usage: libtorrent_peer.py TORRENT FOLDER seed|leech

It says 'listening PORT', reads one line with the ports to connect to, says 'finished' once the file is whole and
checked, and goes on serving until its input ends.
"""

import sys

import libtorrent


def settings():
    """libtorrent's own preset for speed, no discovery, no uTP, and many peers at one address."""
    chosen = libtorrent.high_performance_seed()
    chosen.update(
        listen_interfaces="127.0.0.1:0",
        allow_multiple_connections_per_ip=True,
        enable_dht=False, enable_lsd=False, enable_upnp=False, enable_natpmp=False,
        enable_incoming_utp=False, enable_outgoing_utp=False,
        in_enc_policy=libtorrent.enc_policy.pe_disabled, out_enc_policy=libtorrent.enc_policy.pe_disabled,
        # It connects when it ticks: with the half second of its default, a small file would be done before.
        tick_interval=50, smooth_connects=False,
        aio_threads=2, hashing_threads=2,
        alert_mask=libtorrent.alert.category_t.status_notification | libtorrent.alert.category_t.error_notification,
    )
    return chosen


def add(session, torrent, folder, role):
    about = libtorrent.add_torrent_params()
    about.ti, about.save_path = libtorrent.torrent_info(torrent), folder
    flags = libtorrent.torrent_flags
    about.flags &= ~(flags.auto_managed | flags.paused)
    about.flags |= flags.disable_dht | flags.disable_lsd | flags.disable_pex
    if role == "seed":
        about.flags |= flags.seed_mode
    else:
        about.storage_mode = libtorrent.storage_mode_t.storage_mode_allocate
    return session.add_torrent(about)


def main():
    torrent, folder, role = sys.argv[1:]
    session = libtorrent.session(settings())
    handle = add(session, torrent, folder, role)
    print("listening", session.listen_port(), flush=True)
    for port in sys.stdin.readline().split():
        handle.connect_peer(("127.0.0.1", int(port)))
    while role == "leech":
        session.wait_for_alert(60_000)
        alerts = session.pop_alerts()
        if any(isinstance(alert, libtorrent.torrent_finished_alert) for alert in alerts):
            break
        for alert in alerts:
            if alert.category() & libtorrent.alert.category_t.error_notification:
                print(alert.message(), flush=True)
    print("finished", flush=True)
    sys.stdin.read()


main()
