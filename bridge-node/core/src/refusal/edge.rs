//! Refusals of a request line or a field: what breaks the rules of the edge, in both languages.
//!
//! The English clauses are those of the errors themselves; each has its Azerbaijani twin here.

use super::code::Code;
use super::explain::{Explanation, words};
use super::request::sender;
use crate::fields::FieldError;
use crate::identity::{IdentityError, MAX_PART_BYTES, PartFault, PartRole};
use crate::target::{MetadataForm, QueryFault, SegmentFault, TargetError};

/// Names a field fault.
pub(super) fn field_code(error: &FieldError) -> Code {
    match error {
        FieldError::Missing { .. } => Code::MissingHeaderField,
        FieldError::Repeated { .. } => Code::DuplicateHeaderField,
        FieldError::Identity {
            name: "X-Road-Client",
            ..
        } => Code::InvalidClientIdentifier,
        FieldError::Identity {
            name: "X-Road-Security-Server",
            ..
        } => Code::InvalidSecurityServer,
        FieldError::Line
        | FieldError::TooMany { .. }
        | FieldError::TooLong { .. }
        | FieldError::ValueTooLong { .. }
        | FieldError::Underscore
        | FieldError::NotVisible { .. }
        | FieldError::BothFramings
        | FieldError::Framing
        | FieldError::Connection
        | FieldError::Upgrade
        | FieldError::Identity { .. }
        | FieldError::ContentDigest
        | FieldError::Secrets => Code::BadRequest,
    }
}

/// Explains a fault of the request line.
pub(super) fn explain_target(error: &TargetError) -> Explanation {
    explain(&error.to_string(), &target(error))
}

/// Explains a fault of a field.
pub(super) fn explain_field(error: &FieldError) -> Explanation {
    explain(&error.to_string(), &field(error))
}

fn explain(en: &str, az: &str) -> Explanation {
    Explanation::new(
        words!(
            "The request is malformed: {en}.",
            "Sorğu düzgün tərtib olunmayıb: {az}."
        ),
        words!(
            "what may enter a node",
            "qovşağa daxil olan sorğuların tərtibi"
        ),
        sender(),
        words!(
            "sending the request as the message protocol says",
            "sorğunu mesaj protokolunda göstərilən qaydada göndərmək"
        ),
    )
}

fn target(error: &TargetError) -> String {
    match error {
        TargetError::Line => {
            "sorğu sətri aralarında bir boşluq olan metod, ünvan və versiyadan ibarət olmalıdır"
                .to_owned()
        }
        TargetError::Version => "versiya HTTP/1.1 olmalıdır".to_owned(),
        TargetError::TooLong { limit_bytes } => {
            format!("sorğu sətrindəki ünvan {limit_bytes} baytdan uzundur")
        }
        TargetError::NotOriginForm => "ünvan '/' işarəsi ilə başlayan yol olmalıdır".to_owned(),
        TargetError::NotVisible => {
            "ünvanda görünən ASCII simvollarından başqa simvol və ya '#' işarəsi var".to_owned()
        }
        TargetError::UnknownPath => "yol bu formalardan birində olmalıdır: \
             /r1/{instance}/{class}/{member}/{subsystem}/{service} və ya /listClients"
            .to_owned(),
        TargetError::TooFewParts { found } => format!(
            "yolda identifikatorun beş hissəsindən (instansiya, sinif, üzv, altsistem, xidmət) \
             yalnız {found} hissə var"
        ),
        TargetError::Identity(fault) => format!("yolda {}", identity(fault)),
        TargetError::Segment { segment: at, fault } => {
            format!("xidmətdən sonrakı {at} nömrəli seqment {}", segment(*fault))
        }
        TargetError::TooManySegments { limit } => {
            format!("yolda xidmətdən sonra ən çoxu {limit} seqment ola bilər")
        }
        TargetError::Query { parameter, fault } => {
            format!("{parameter} nömrəli parametr {}", query(*fault))
        }
        TargetError::TooManyParameters { limit } => {
            format!("sorğuda ən çoxu {limit} parametr ola bilər")
        }
        TargetError::Metadata { takes } => metadata(*takes).to_owned(),
    }
}

fn metadata(takes: MetadataForm) -> &'static str {
    match takes {
        MetadataForm::Nothing => "metaməlumat sorğusu nə yol, nə də parametr qəbul edir",
        MetadataForm::ServiceCode => {
            "metaməlumat sorğusu yol qəbul etmir və yalnız serviceCode parametrini qəbul edir"
        }
        MetadataForm::Instance => {
            "metaməlumat sorğusu xRoadInstance parametrindən başqa parametr qəbul etmir"
        }
        MetadataForm::Attribute => {
            "metaməlumat sorğusu yalnız bir parametr qəbul edir və onun dəyəri person.address kimi yazılır"
        }
    }
}

const EMPTY: &str = "boşdur";
const DOTS: &str = "'.' və ya '..' şəklindədir";
const ESCAPE: &str = "ardınca iki onaltılıq rəqəm gəlməyən '%' işarəsi ehtiva edir";
const NOT_UTF8: &str = "düzgün kodlanmış UTF-8 mətni deyil";
const CONTROL: &str = "idarəedici simvol ehtiva edir";

fn segment(fault: SegmentFault) -> &'static str {
    match fault {
        SegmentFault::Empty => EMPTY,
        SegmentFault::Dots => DOTS,
        SegmentFault::Escape => ESCAPE,
        SegmentFault::NotUtf8 => NOT_UTF8,
        SegmentFault::Separator => "kodlanmış '/' və ya '\\' işarəsi ehtiva edir",
        SegmentFault::Control => CONTROL,
        SegmentFault::EncodedTwice => "iki dəfə kodlanıb",
    }
}

fn query(fault: QueryFault) -> &'static str {
    match fault {
        QueryFault::Escape => ESCAPE,
        QueryFault::NotUtf8 => NOT_UTF8,
        QueryFault::Control => CONTROL,
        QueryFault::Semicolon => "kodlanmamış ';' işarəsi ehtiva edir (%3B yazılmalıdır)",
    }
}

fn field(error: &FieldError) -> String {
    match error {
        FieldError::Line => {
            "başlıq sətri sahənin adı, ':' işarəsi və qiymətdən ibarət olmalı, CR LF ilə bitməlidir"
                .to_owned()
        }
        FieldError::TooMany { limit } => {
            format!("mesajda ən çoxu {limit} başlıq sahəsi ola bilər")
        }
        FieldError::TooLong { limit_bytes } => {
            format!("başlıq sahələri birlikdə {limit_bytes} baytdan böyükdür")
        }
        FieldError::ValueTooLong { name, limit_bytes } => {
            format!("{name} sahəsi {limit_bytes} baytdan uzundur")
        }
        FieldError::Underscore => {
            "sahənin adında '_' işarəsi var; bəzi serverlər onu '-' kimi oxuyur".to_owned()
        }
        FieldError::Repeated { name } => {
            format!("{name} sahəsi bir dəfədən çox göndərilib; sətirlər birləşdirilmir")
        }
        FieldError::NotVisible { name } => format!(
            "{name} sahəsinin qiymətində görünən ASCII simvollarından, boşluqdan və tabulyasiyadan \
             başqa bayt var"
        ),
        FieldError::BothFramings => {
            "mesajda həm Transfer-Encoding, həm də Content-Length sahəsi var".to_owned()
        }
        FieldError::Framing => {
            "gövdənin uzunluğu nə tək Content-Length sahəsi ilə, nə də chunked üsulu ilə göstərilib"
                .to_owned()
        }
        FieldError::Connection => {
            "Connection sahəsində yalnız keep-alive, close və TE göstərilə bilər".to_owned()
        }
        FieldError::Upgrade => "Upgrade sahəsi qəbul edilmir".to_owned(),
        FieldError::Missing { name } => format!("{name} sahəsi göndərilməyib"),
        FieldError::Identity { name, fault } => format!("{name} sahəsində {}", identity(fault)),
        FieldError::ContentDigest => {
            "Content-Digest sahəsində düzgün yazılmış yeganə sha-256 heş qiyməti yoxdur".to_owned()
        }
        FieldError::Secrets => {
            "Bridge-Secrets sahəsi mesajın gizli sahələrinə uyğun deyil".to_owned()
        }
    }
}

fn identity(error: &IdentityError) -> String {
    match error {
        IdentityError::Parts { expected } => format!(
            "identifikator '/' işarəsi ilə ayrılmış düz {expected} hissədən ibarət olmalıdır"
        ),
        IdentityError::Part { part, fault } => format!("{} {}", role(*part), part_fault(*fault)),
        IdentityError::Scheme => "ad bridge:// ilə başlamalıdır".to_owned(),
        IdentityError::NotCanonical => "ad kanonik formada yazılmayıb".to_owned(),
    }
}

fn role(part: PartRole) -> &'static str {
    match part {
        PartRole::Instance => "instansiya",
        PartRole::MemberClass => "üzvün sinfi",
        PartRole::MemberCode => "üzvün kodu",
        PartRole::SubsystemCode => "altsistemin kodu",
        PartRole::ServiceCode => "xidmətin kodu",
        PartRole::NodeCode => "qovşağın kodu",
        PartRole::GroupCode => "qrupun kodu",
        PartRole::PartyClass => "təmsil olunan tərəfin sinfi",
        PartRole::PartyCode => "təmsil olunan tərəfin kodu",
    }
}

fn part_fault(fault: PartFault) -> String {
    match fault {
        PartFault::Empty => EMPTY,
        PartFault::TooLong => return format!("{MAX_PART_BYTES} baytdan uzundur"),
        PartFault::Escape => ESCAPE,
        PartFault::NotUtf8 => NOT_UTF8,
        PartFault::NotEncoded => "kodlanmalı olan simvolu kodlanmamış şəkildə ehtiva edir",
        PartFault::Dots => DOTS,
        PartFault::Control => CONTROL,
        PartFault::Hidden => "görünməyən və ya mətnin istiqamətini dəyişən simvol ehtiva edir",
    }
    .to_owned()
}
