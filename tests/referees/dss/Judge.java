// Judges dossiers as a court's program would: the Digital Signature Service of the European Commission, without a network.
// Usage: java -cp CLASSPATH Judge.java ANCHORS OTHER_ANCHORS DOSSIER ALTERED...
// The first dossier must hold under ANCHORS and not under OTHER_ANCHORS, none of the altered ones may hold.

import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.enumerations.ASiCContainerType;
import eu.europa.esig.dss.enumerations.DigestMatcherType;
import eu.europa.esig.dss.enumerations.Indication;
import eu.europa.esig.dss.enumerations.SignatureLevel;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.policy.ValidationPolicyFacade;
import eu.europa.esig.dss.policy.jaxb.Level;
import eu.europa.esig.dss.policy.jaxb.CertificateConstraints;
import eu.europa.esig.dss.policy.jaxb.ConstraintsParameters;
import eu.europa.esig.dss.policy.jaxb.LevelConstraint;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Path;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.zip.ZipFile;

public class Judge {
    public static void main(String[] arguments) throws Exception {
        String good = arguments[2];
        Reports reports = validate(good, arguments[0]);
        holds(reports, good);
        refuses("under another authority", validate(good, arguments[1]));
        for (int i = 3; i < arguments.length; i++) {
            String altered = arguments[i];
            refuses(Path.of(altered).getFileName().toString(), validate(altered, arguments[0]));
        }
    }

    // No sources of certificates, revocations or time beside what stands in the container: nothing is fetched.
    static Reports validate(String dossier, String anchors) throws Exception {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        try (InputStream pem = new FileInputStream(anchors)) {
            for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                trusted.addCertificate(new CertificateToken((X509Certificate) certificate));
            }
        }
        CommonCertificateVerifier verifier = new CommonCertificateVerifier(true);
        verifier.setTrustedCertSources(trusted);
        SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(dossier));
        validator.setCertificateVerifier(verifier);
        return validator.validateDocument(policy());
    }

    // The service's own policy, and more: all files sealed. Revocations are not looked at, as nowhere in the bus yet.
    static ConstraintsParameters policy() throws Exception {
        ConstraintsParameters policy;
        try (InputStream xml = Judge.class.getResourceAsStream("/policy/constraint.xml")) {
            policy = ValidationPolicyFacade.newFacade().unmarshall(xml);
        }
        LevelConstraint fail = new LevelConstraint(), ignore = new LevelConstraint();
        fail.setLevel(Level.FAIL);
        ignore.setLevel(Level.IGNORE);
        policy.getContainerConstraints().setAllFilesSigned(fail);
        policy.getContainerConstraints().setMimeTypeFilePresent(fail);
        var seal = policy.getSignatureConstraints().getBasicSignatureConstraints();
        seal.setManifestEntryObjectExistence(fail);
        for (CertificateConstraints certificate : List.of(seal.getSigningCertificate(), seal.getCACertificate())) {
            certificate.setRevocationDataAvailable(ignore);
            certificate.setAcceptableRevocationDataFound(ignore);
        }
        return policy;
    }

    static void holds(Reports reports, String dossier) throws Exception {
        var simple = reports.getSimpleReport();
        var diagnostic = reports.getDiagnosticData();
        check(diagnostic.getContainerType() == ASiCContainerType.ASiC_E, "the container's type is " + diagnostic.getContainerType());
        var container = diagnostic.getContainerInfo();
        check(container.isMimeTypeFilePresent(), "there is no file mimetype");
        check("application/vnd.etsi.asic-e+zip".equals(container.getMimeTypeContent()), "the media type is " + container.getMimeTypeContent());
        check(diagnostic.getSignatures().size() == 1, diagnostic.getSignatures().size() + " seals");
        SignatureWrapper seal = diagnostic.getSignatures().get(0);
        String id = seal.getId();
        check(seal.getSignatureFormat() == SignatureLevel.CAdES_BASELINE_B, "the seal's level is " + seal.getSignatureFormat());
        check(seal.isSignatureIntact(), "the seal is not intact");
        check(seal.isSigningCertificateIdentified() && seal.isSigningCertificateReferenceUnique(), "the seal is not bound to one certificate");
        check(seal.isTrustedChain(), "the seal's chain does not end at the anchor");
        check(seal.isStructuralValidationValid(), "structure: " + seal.getStructuralValidationMessages());

        Set<String> parts = new TreeSet<>();
        try (ZipFile zip = new ZipFile(dossier)) {
            zip.stream().map(entry -> entry.getName())
                .filter(name -> !name.equals("mimetype") && !name.startsWith("META-INF/")).forEach(parts::add);
        }
        Set<String> listed = new TreeSet<>();
        for (var digest : seal.getDigestMatchers()) {
            check(digest.isDataFound() && digest.isDataIntact(), digest.getType() + " " + digest.getDocumentName() + " does not hold");
            if (digest.getType() == DigestMatcherType.MANIFEST_ENTRY) {
                listed.add(digest.getDocumentName());
            }
        }
        check(!parts.isEmpty() && parts.equals(listed), "parts " + parts + ", sealed " + listed);
        check(simple.getIndication(id) == Indication.TOTAL_PASSED, said(reports));
        // Certificates of the bus name no address of its authority and of revocations: they are pinned in the directory.
        List<String> warnings = simple.getAdESValidationWarnings(id).stream().map(Message::getKey).sorted().toList();
        check(warnings.equals(List.of("BBB_XCV_AIA_PRES_ANS", "BBB_XCV_REVOC_PRES_ANS")), "warnings: " + warnings);
        System.out.println("ok DSS: " + diagnostic.getContainerType() + ", " + seal.getSignatureFormat() + ", " + simple.getIndication(id)
            + ", " + listed.size() + " parts sealed by " + seal.getSigningCertificate().getReadableCertificateName());
    }

    static void refuses(String what, Reports reports) {
        String said = said(reports);
        for (String id : reports.getSimpleReport().getSignatureIdList()) {
            check(reports.getSimpleReport().getIndication(id) != Indication.TOTAL_PASSED, what + " was granted");
        }
        System.out.println("ok DSS does not grant " + what + ": " + said);
    }

    static String said(Reports reports) {
        var simple = reports.getSimpleReport();
        return simple.getSignatureIdList().stream().map(id -> simple.getIndication(id) + " " + simple.getSubIndication(id) + " "
            + simple.getAdESValidationErrors(id).stream().map(Message::getValue).toList()).collect(Collectors.joining("; "));
    }

    static void check(boolean holds, String fault) {
        if (!holds) {
            System.err.println("DSS: " + fault);
            System.exit(1);
        }
    }
}
