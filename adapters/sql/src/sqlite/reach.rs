//! How far a statement of a manifest reaches: to the rows of the registry's tables, and no further.
//!
//! A statement that only reads by SQLite's own account can still change how much memory every connection of the process may
//! take, and it does so while it is prepared; one that stores can open another file. Neither is a registry's business, so each
//! statement is judged by what it would do before it does it.
//!
//! Standard: SQLite "Compile-Time Authorization Callbacks" §1.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Full-text tables look by this whether they have changed, and are not read without it; it changes nothing.
const VERSION: &str = "data_version";

/// Rows of tables, functions of them, and the node's own transactions around them.
pub(crate) fn judge(asked: AuthContext<'_>) -> Authorization {
    let is_rows = matches!(
        asked.action,
        AuthAction::Select
            | AuthAction::Read { .. }
            | AuthAction::Recursive
            | AuthAction::Function { .. }
            | AuthAction::Insert { .. }
            | AuthAction::Update { .. }
            | AuthAction::Delete { .. }
            | AuthAction::Transaction { .. }
            | AuthAction::Savepoint { .. }
            | AuthAction::Pragma {
                pragma_name: VERSION,
                pragma_value: None,
            }
    );
    // Else the schema, other files, settings of the connection and of the process; and what later versions add.
    if is_rows {
        Authorization::Allow
    } else {
        Authorization::Deny
    }
}
