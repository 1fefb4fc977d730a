use proptest::prelude::*;

use super::{POINTER_LIMIT_BYTES, Pointer, PointerError, Token};
use crate::json::{self, Json};

fn found(pointer: &str, text: &str) -> Vec<String> {
    let root = json::read(text.as_bytes()).expect("JSON");
    let pointer = Pointer::parse(pointer).expect("pointer");
    let written = |value: &Json<'_>| {
        let mut out = Vec::new();
        value.write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    };
    pointer.find(&root).into_iter().map(written).collect()
}

#[test]
fn pointers_find_what_they_name() {
    let text = r#"{"fin":"1","a/b":2,"m~n":3,"*":4,"children":[{"fin":"5"},{"fin":"6"},7],"":8}"#;
    assert_eq!(found("/fin", text), ["\"1\""]);
    assert_eq!(found("/a~1b", text), ["2"]);
    assert_eq!(found("/m~0n", text), ["3"]);
    assert_eq!(found("/children/*/fin", text), ["\"5\"", "\"6\""]);
    assert_eq!(found("/", text), ["8"]);
    assert_eq!(found("/*", text).len(), 6);
    assert!(found("/children/0", text).is_empty());
    assert!(found("/children/fin", text).is_empty());
    assert!(found("/fin/x", text).is_empty());
    assert!(found("/absent", text).is_empty());
}

#[test]
fn what_is_no_pointer_is_refused() {
    assert_eq!(Pointer::parse(""), Err(PointerError::Empty));
    assert_eq!(Pointer::parse("fin"), Err(PointerError::NoSlash));
    assert_eq!(Pointer::parse("#/fin"), Err(PointerError::NoSlash));
    assert_eq!(Pointer::parse("/a~2"), Err(PointerError::Escape));
    assert_eq!(Pointer::parse("/a~"), Err(PointerError::Escape));
    assert_eq!(Pointer::parse(&"/a".repeat(33)), Err(PointerError::TooLong));
    let long = format!("/{}", "a".repeat(POINTER_LIMIT_BYTES));
    assert_eq!(Pointer::parse(&long), Err(PointerError::TooLong));
}

proptest! {
    #[test]
    fn any_name_can_be_pointed_to(name in "[^*]{0,20}") {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let pointer = Pointer::parse(&pointer).expect("pointer");
        prop_assert_eq!(pointer.tokens(), [Token::Name(name)]);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[/~01*a]{0,30}") {
        if let Ok(pointer) = Pointer::parse(&text) {
            prop_assert_eq!(pointer.to_string(), text);
        }
    }
}
