"""What the commands of ``resolve`` that have few options print for ``--help``; the manual has it as well."""

MERGE = """\
usage: resolve bulk merge DIR [-w OUT] [--ordered] [-q]

Join the parts that `resolve bulk --parts DIR` (or --dask) has left in DIR.
Each part is checked against its note.

  -w, --output FILE   write to FILE, which appears whole or not at all (stdout)
  --ordered           in the order of the input after --by-domain as well
                      (else the parts are in that order anyway)
  -q, --quiet         print no summary
  -h, --help          print this and exit
"""

MASSDNS = """\
usage: massdns [options] [domainlist]

This is resolve bulk under the name massdns: it takes massdns' options, writes
massdns' forms, and asks as resolve does.

  -c N  --resolve-count   tries for each question (50)
  -i MS --interval        milliseconds for each try at most (500)
  -o    --output          F, B, S, L or J with massdns' letters (F)
  -q    --quiet           print no progress
  -r    --resolvers       file of servers; other lines are skipped
  -s N  --hashmap-size    questions in flight at most (10000)
  -t    --type            record type (A); repeat it for several
  -w    --outfile         write to this file (stdout)

Also: --filter, --ignore, --retry RCODE; --flush; --norecurse; --processes N;
--status-format json|ansi; --sticky; --tcp-only.
Without effect: --root --busy-poll --verify-ip --predictable --drop-user
--drop-group --rcvbuf --sndbuf --socket-count -l.
Wildcards, checkpoints, rates and more: resolve bulk --help.
"""

SERVERS = """\
usage: resolve servers FILE|A,B|- [options]

Check name servers. A server passes if it says NXDOMAIN for names that cannot
exist, gives the right addresses of known names, speaks EDNS and TCP, sets AD
for signed data, and is quick. Prints those that pass, in the list's order.

  --zones A,B            zones for the random names (com,net,org)
  --known NAME[=ADDR,..] a name and its addresses (three root servers); without
                         addresses, --trusted servers say them; repeat it
  --signed NAME          a signed zone: fail servers that do not set AD for it
                         (default: the root, which is only reported)
  --trusted A,B|FILE     servers that are believed, for --known and AD
  --max-rtt MS           longest median round trip (500)
  --rate QPS             send that many questions; 95 % must be answered
  --allow CHECK,..       forgive: alive, honest, answers, edns, tcp, ad, speed,
                         rate
  --timeout S            seconds for each try (2);  -c N: tries (2)
  -s N                   servers at a time (50);  -p PORT
  -j, --json             a JSON object for each server, with reasons
  -w FILE                write the list to FILE;  --report FILE: the JSON too
  -q                     no summary

Exit status 0 if one server passed, 9 if none did.
"""

HOSTS = """\
usage: resolve hosts [--resolver NAME] [--servers A,B] [--timeout S] [-4|-6]
                     NAME...

What a program gets from getaddrinfo, hosts file and search list included, as
getent ahosts prints it. The resolver is CELADON_RESOLVER, or --resolver. Exit
status 2 if a name was not found.
"""

COMPARE = """\
usage: resolve compare [@SERVER] NAME... [TYPE...] [-p PORT] [+timeout=S]
       resolve compare @SERVER @SERVER... NAME... [TYPE...] [-f FILE] [--json]

With several servers: what each of them answers. With one or none: what each
engine gives for these types; without a type, what getaddrinfo gives under each
resolver, libc included.

A line that differs from the first one is marked with !. Another order of the
same records is said, and is no difference. Exit status 2 if any line differs,
9 if none got a reply.
"""
