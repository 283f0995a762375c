"""Real faults: the release binary on a real PostgreSQL pair, with processes killed and networks broken.

`postgres` and `pair` run the database, `proxy` is the bad network, `replicas` runs three gateways,
`load` sends and receives through all of them, `stored` looks into the store beside the gateways,
`checks` says what must hold after each round.
"""
