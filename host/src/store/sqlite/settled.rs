//! Units of which nothing waits for anybody any more: all that they were asked
//! for was told, and acknowledged. Only such a unit is forgotten.

use rusqlite::Connection;

use super::{Failure, execute};

/// Notes that a unit is one of them, if that is so.
pub(super) fn settle(db: &Connection, unit: &str) -> Result<(), Failure> {
    let sql = "UPDATE unit SET settled = 1 WHERE id = ?1 AND state = 1 AND settled = 0
        AND NOT EXISTS (SELECT 1 FROM event WHERE unit = ?1 AND state <> 2)";
    execute(db, sql, [unit])?;
    Ok(())
}
