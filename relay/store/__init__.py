"""The contract database `relay.db` and `search.db`: schema, migrations, the writer, the queries."""
