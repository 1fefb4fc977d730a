//! From `:name` to `$1`: the text of a statement as PostgreSQL takes it.

use tokio_postgres::types::Type as PgType;

use crate::config::{Config, Param, Statement};
use crate::dialect::Dialect;
use crate::kept;
use crate::value::Type;

/// The first words of statements that can be queries.
const QUERIES: [&str; 4] = ["select", "with", "values", "table"];
/// Words that stand only in statements that change something or take locks.
const CHANGES: [&str; 5] = ["insert", "update", "delete", "merge", "into"];

/// A statement's text, and what its `$1`, `$2`, … are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// `None` if the manifest has none for PostgreSQL.
    pub(crate) sql: Option<String>,
    /// The parameters' names, in the order of their numbers.
    pub(crate) names: Vec<String>,
    /// Their types; [`PgType::UNKNOWN`] where the operation does not declare them.
    pub(crate) types: Vec<PgType>,
    /// Whether it has a `$1` of its own.
    pub(crate) numbered: bool,
    /// Whether it only reads, as far as its words say. The transaction makes it sure.
    pub(crate) reads: bool,
}

impl Text {
    /// Translates a statement of an operation with these parameters.
    pub(crate) fn new(statement: &Statement, params: &[Param]) -> Self {
        Self::translate(statement, |name| {
            let own = params.iter().find(|param| &*param.name == name);
            own.map(|param| param.kind)
        })
    }

    /// Translates a statement of this adapter.
    pub(crate) fn own(statement: &Statement) -> Self {
        Self::translate(statement, |name| {
            let own = kept::PARAMS.iter().find(|(own, _)| *own == name);
            own.map(|(_, kind)| *kind)
        })
    }

    fn translate(statement: &Statement, kind: impl Fn(&str) -> Option<Type>) -> Self {
        let sql = statement.sql.of(Dialect::Postgresql);
        let mut read = Read::default();
        let mut rest = sql.unwrap_or_default();
        while let Some(token) = next(rest) {
            read.take(&token);
            rest = rest.get(token.text.len()..).unwrap_or_default();
        }
        let types = read
            .names
            .iter()
            .map(|name| kind(name).map_or(PgType::UNKNOWN, pg_type));
        let first = read.words.first().map(String::as_str).unwrap_or_default();
        Self {
            types: types.collect(),
            sql: sql.map(|_| read.sql),
            names: read.names,
            numbered: read.numbered,
            reads: QUERIES.contains(&first)
                && !read
                    .words
                    .iter()
                    .any(|word| CHANGES.contains(&word.as_str())),
        }
    }
}

/// The texts of all statements, in the order of their numbers.
pub(crate) fn of(config: &Config) -> Vec<Text> {
    let own = kept::statements();
    let own = own.iter().map(|statement| Text::own(statement));
    let operations = config.operations.iter();
    let statements = operations.flat_map(|operation| {
        let statements = operation.statements.iter();
        statements.map(|statement| Text::new(statement, &operation.params))
    });
    own.chain(statements).collect()
}

/// The type that a parameter has in PostgreSQL.
fn pg_type(kind: Type) -> PgType {
    match kind {
        Type::Text | Type::Fin | Type::Voen | Type::LongText | Type::Base64Sha256 => PgType::TEXT,
        Type::Base64 => PgType::BYTEA,
        Type::Date => PgType::DATE,
        Type::DateTime => PgType::TIMESTAMPTZ,
        Type::Integer => PgType::INT8,
        Type::Number => PgType::FLOAT8,
        Type::Boolean => PgType::BOOL,
    }
}

#[derive(Default)]
struct Read {
    sql: String,
    names: Vec<String>,
    words: Vec<String>,
    numbered: bool,
}

impl Read {
    fn take(&mut self, token: &Token<'_>) {
        match token.kind {
            Kind::Parameter => {
                let name = token.text.trim_start_matches(':');
                let index = self.names.iter().position(|known| known == name);
                let index = index.unwrap_or_else(|| {
                    self.names.push(name.to_owned());
                    self.names.len().saturating_sub(1)
                });
                self.sql.push('$');
                self.sql.push_str(&index.saturating_add(1).to_string());
                return;
            }
            Kind::Word => self.words.push(token.text.to_ascii_lowercase()),
            Kind::Numbered => self.numbered = true,
            Kind::Other => {}
        }
        self.sql.push_str(token.text);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `:name`.
    Parameter,
    /// `$1`.
    Numbered,
    /// A key word or a name.
    Word,
    /// Anything else: quoted text, comments, signs.
    Other,
}

struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

/// The next piece of a statement. Standard: PostgreSQL 15 §4.1.
fn next(rest: &str) -> Option<Token<'_>> {
    let first = rest.chars().next()?;
    let name = |text: &str| {
        text.chars()
            .take_while(|c| is_name(*c))
            .map(char::len_utf8)
            .sum::<usize>()
    };
    let (kind, length) = match first {
        ':' if rest.starts_with("::") => (Kind::Other, 2),
        ':' => match name(rest.get(1..).unwrap_or_default()) {
            0 => (Kind::Other, 1),
            length => (Kind::Parameter, length.saturating_add(1)),
        },
        '\'' | '"' => (Kind::Other, quoted(rest, first)),
        '$' => dollar(rest),
        '-' if rest.starts_with("--") => (Kind::Other, rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (Kind::Other, comment(rest)),
        first if is_name(first) => {
            let length = name(rest);
            // E'…' knows backslashes; the letter belongs to the text behind it.
            let escaped = length == 1 && matches!(first, 'e' | 'E') && rest.get(1..2) == Some("'");
            if escaped {
                (Kind::Other, escape_string(rest))
            } else {
                (Kind::Word, length)
            }
        }
        other => (Kind::Other, other.len_utf8()),
    };
    let text = rest.get(..length).unwrap_or(rest);
    Some(Token { kind, text })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of `'…'` or `"…"`; a doubled quote begins the next piece, which comes to the same.
fn quoted(rest: &str, quote: char) -> usize {
    let inside = rest.get(1..).unwrap_or_default();
    inside
        .find(quote)
        .map_or(rest.len(), |end| end.saturating_add(2))
}

fn escape_string(rest: &str) -> usize {
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(2) {
        match c {
            '\'' if !escaped => return index.saturating_add(1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// `$1`, or a text between `$tag$`.
fn dollar(rest: &str) -> (Kind, usize) {
    let inside = rest.get(1..).unwrap_or_default();
    let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        return (Kind::Numbered, digits.saturating_add(1));
    }
    let tag = inside
        .find('$')
        .filter(|end| {
            inside
                .get(..*end)
                .is_some_and(|tag| tag.chars().all(is_name))
        })
        .and_then(|end| rest.get(..end.saturating_add(2)));
    let Some(tag) = tag else {
        return (Kind::Other, 1);
    };
    let body = rest.get(tag.len()..).unwrap_or_default();
    let ends = |end: usize| end.saturating_add(tag.len().saturating_mul(2));
    (Kind::Other, body.find(tag).map_or(rest.len(), ends))
}

/// `/* … */`, which may hold another one.
fn comment(rest: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth = depth.saturating_add(1);
            at = at.saturating_add(2);
        } else if tail.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at = at.saturating_add(2);
            if depth == 0 {
                return at;
            }
        } else {
            at = at.saturating_add(tail.chars().next().map_or(1, char::len_utf8));
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::PerDatabase;
    use crate::layout::Layout;

    fn text(sql: &str) -> Text {
        let [own, ..] = kept::statements();
        let statement = Statement {
            id: 9,
            place: String::new(),
            name: String::new(),
            sql: PerDatabase::both(sql),
            result: own.result,
            at: own.at.clone(),
            empty: own.empty.clone(),
            columns: Vec::new(),
            row: Layout::row(std::iter::empty()),
            first_value: 0,
            is_document: false,
        };
        Text::translate(&statement, |name| (name == "fin").then_some(Type::Fin))
    }

    #[test]
    fn names_become_numbers_and_nothing_else_changes() {
        let sql = "SELECT a::text, 'it''s :fin', \":fin\", E'\\':fin', $x$ :fin $x$ -- :fin\n/* :fin /* */ :fin */ \
                   FROM t WHERE fin = :fin AND (at = :at OR :fin IS NULL)";
        let read = text(sql);
        let expected = sql.replace(
            "fin = :fin AND (at = :at OR :fin",
            "fin = $1 AND (at = $2 OR $1",
        );
        assert_eq!(read.sql.as_deref(), Some(expected.as_str()));
        assert_eq!(read.names, ["fin", "at"]);
        assert_eq!(read.types, [PgType::TEXT, PgType::UNKNOWN]);
        assert!(read.reads && !read.numbered);
    }

    #[test]
    fn what_changes_something_is_no_query() {
        for sql in [
            "UPDATE t SET a = 1 RETURNING a",
            "WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x",
            "SELECT a FROM t FOR UPDATE",
            "SELECT a INTO u FROM t",
            "EXPLAIN ANALYZE DELETE FROM t",
        ] {
            assert!(!text(sql).reads, "{sql}");
        }
        for sql in [
            "SELECT 'delete' AS a, \"update\" FROM t -- insert",
            "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        ] {
            assert!(text(sql).reads, "{sql}");
        }
        assert!(text("SELECT $1").numbered);
    }

    proptest! {
        #[test]
        fn every_text_is_read_to_its_end(sql in "[:$'\"/*\\-Ee\\\\ aə1_]{0,40}") {
            let mut rest = sql.as_str();
            let mut read = String::new();
            while let Some(token) = next(rest) {
                prop_assert!(!token.text.is_empty());
                read.push_str(token.text);
                rest = rest.get(token.text.len()..).unwrap();
            }
            prop_assert_eq!(read, sql);
        }
    }
}
