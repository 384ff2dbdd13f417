//! The shape of a schema, as PostgreSQL's catalog tells it.

use std::collections::BTreeMap;

use kafka_migrations::Migration;
use tokio_postgres::SimpleQueryMessage;

use super::session::Session;
use crate::{
    base::error::Result,
    storage::{Conn, sql::unlisted_statements},
};

/// Kind, name and definition of everything in the schema that is used first, but for the history of
/// migrations. Names of schemas are left out.
const SHAPE: &str = "
SELECT 'table', c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || ' ' || COALESCE((SELECT collname FROM pg_collation l WHERE l.oid = a.attcollation), '')
        || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || ' ' || a.attidentity::text
        || COALESCE(' default ' || pg_get_expr(d.adbin, d.adrelid), ''), ', ' ORDER BY a.attname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    AND c.relname <> 'refinery_schema_history'
GROUP BY c.relname
UNION ALL
SELECT 'index', indexname, replace(indexdef, current_schema() || '.', '')
FROM pg_indexes WHERE schemaname = current_schema() AND tablename <> 'refinery_schema_history'
UNION ALL
SELECT 'constraint', conrelid::regclass::text || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND conrelid <> 0
    AND conrelid <> COALESCE(to_regclass('refinery_schema_history')::oid, 0)
UNION ALL
SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = current_schema()
UNION ALL
SELECT 'trigger', tgname, replace(pg_get_triggerdef(t.oid), current_schema() || '.', '')
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT tgisinternal AND c.relnamespace = current_schema()::regnamespace";

/// A change of the schema may take as long as it takes.
pub(in crate::storage) const UNHURRIED: &str = "SET LOCAL statement_timeout = 0";

/// Has each table count on from its highest number, and where rows were deleted from theirs: rows that brought their
/// number along were not counted.
pub(in crate::storage) const COUNT_ON: &str = "
DO $do$
DECLARE
    place text;
    counter text;
BEGIN
    FOR place IN SELECT table_name FROM information_schema.columns
        WHERE table_schema = current_schema() AND column_name = 'number' AND is_identity = 'YES'
    LOOP
        counter := pg_get_serial_sequence(quote_ident(place), 'number');
        EXECUTE format('SELECT setval(%L, highest) FROM (SELECT max(number) AS highest FROM %I) found
            WHERE highest >= (SELECT last_value FROM %s)', counter, place, counter);
        IF place IN ('chats', 'messages') AND to_regclass('deleted_numbers') IS NOT NULL THEN
            EXECUTE format('SELECT setval(%L, %I) FROM deleted_numbers
                WHERE %I >= (SELECT last_value FROM %s)', counter, place, place, counter);
        END IF;
    END LOOP;
END
$do$";

/// What brings back each reference of a table to another, and what takes it away.
const REFERENCES: &str = "
SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)),
    format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY 1";

unlisted_statements! {
    IDENTITY = ["SELECT 'sqlite'"] or ["SELECT current_database() || ' ' || current_schema() || ' ' || \
        current_setting('port') || ' ' || pg_postmaster_start_time()::text"];
}

/// What tells this database from all others that are open now, by whatever address it was reached.
pub(in crate::storage) fn identity(conn: &Conn<'_>) -> Result<String> {
    Ok(conn.first(&IDENTITY, &[], |row| row.next())?.unwrap_or_default())
}

/// Takes away all references between tables, and returns the SQL that brings them back.
pub(in crate::storage) fn drop_references(session: &Session) -> Result<Vec<String>> {
    let answer = session.simple(REFERENCES)?;
    let pairs = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((row.get(0)?.to_owned(), row.get(1)?.to_owned())),
        _ => None,
    });
    let (back, away): (Vec<String>, Vec<String>) = pairs.unzip();
    session.run(&away.join(";"))?;
    Ok(back)
}

/// Kind, name and definition of everything in a schema.
pub(in crate::storage) type Found = BTreeMap<(String, String), String>;

pub(in crate::storage) fn read_shape(session: &Session) -> Result<Found> {
    let answer = session.simple(SHAPE)?;
    let rows = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let [kind, name, made] = [0, 1, 2].map(|column| row.get(column).unwrap_or_default().to_owned());
            Some(((kind, name), made))
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// The shape that `migrations` make, tried in a schema that is gone afterwards. The session is inside a
/// transaction.
pub(in crate::storage) fn shape_after<'m>(
    session: &Session,
    migrations: impl Iterator<Item = &'m Migration>,
) -> Result<Found> {
    session.run("SAVEPOINT shape; CREATE SCHEMA kafka_shape; SET LOCAL search_path = kafka_shape")?;
    for migration in migrations {
        session.run(&migration.up_postgres())?;
    }
    let shape = read_shape(session)?;
    session.run("ROLLBACK TO shape; RELEASE shape")?;
    Ok(shape)
}
