//! Rows of the table of keys that somebody else has changed.

use super::*;

/// Runs statements as the owner of the database.
fn change(registry: &Registry, sql: &str) {
    match &registry.database {
        Kept::Sqlite(path) => {
            let connection = rusqlite::Connection::open(path).unwrap();
            connection.execute_batch(sql).unwrap();
        }
        Kept::Postgresql(name) => drop(Postgres::shared().run(name, sql)),
    }
}

/// Lets the table have contents that are not there.
fn loosen(registry: &Registry) {
    let sql = match &registry.database {
        Kept::Sqlite(_) => {
            "CREATE TABLE loose AS SELECT * FROM bridge_idempotency;
             CREATE UNIQUE INDEX scopes ON loose (scoped);
             DROP TABLE bridge_idempotency;
             ALTER TABLE loose RENAME TO bridge_idempotency;"
        }
        Kept::Postgresql(_) => "ALTER TABLE bridge_idempotency ALTER content DROP NOT NULL",
    };
    change(registry, sql);
}

#[tokio::test]
async fn an_answer_kept_without_content_or_status_is_not_given_again() {
    for registry in Registry::each("payments") {
        let paid = pay("k", "R-2026-000003", 3000);
        let adapter = &registry.adapter;
        let first = ask(adapter, &paid).await.unwrap();
        assert_eq!(ask(adapter, &paid).await.unwrap(), first);
        loosen(&registry);
        let before = registry.number("SELECT count(*) FROM payment");
        for column in ["status", "content", "body"] {
            change(
                &registry,
                &format!(
                    "CREATE TABLE aside AS SELECT * FROM bridge_idempotency;
                     UPDATE bridge_idempotency SET {column} = NULL;"
                ),
            );
            let error = ask(adapter, &paid).await.unwrap_err();
            assert!(
                matches!(error, AdapterError::Failed { .. }),
                "{column}: {error}"
            );
            change(
                &registry,
                "DELETE FROM bridge_idempotency;
                 INSERT INTO bridge_idempotency SELECT * FROM aside;
                 DROP TABLE aside;",
            );
        }
        assert_eq!(ask(adapter, &paid).await.unwrap(), first);
        assert_eq!(registry.number("SELECT count(*) FROM payment"), before);
    }
}
