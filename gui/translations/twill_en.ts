<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en">
<context>
    <name>twill::gui::CaptureDialog</name>
    <message numerus="yes">
        <source>Maps of %n head(s): %1, kept while the app runs; about %2 while it captures.</source>
        <translation>
            <numerusform>Maps of %n head: %1, kept while the app runs; about %2 while it captures.</numerusform>
            <numerusform>Maps of %n heads: %1, kept while the app runs; about %2 while it captures.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>twill::gui::ComfyPage</name>
    <message numerus="yes">
        <source>Finished; fetching %n file(s)</source>
        <translation>
            <numerusform>Finished; fetching %n file</numerusform>
            <numerusform>Finished; fetching %n files</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>twill::gui::ComparePage</name>
    <message numerus="yes">
        <source>%n head(s) and stretches of t differ.</source>
        <translation>
            <numerusform>%n head and stretches of t differ.</numerusform>
            <numerusform>%n heads and stretches of t differ.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>twill::gui::GeneratePage</name>
    <message numerus="yes">
        <source>%n finished clip(s) on the page Generate were not saved.</source>
        <translation>
            <numerusform>%n finished clip on the page Generate was not saved.</numerusform>
            <numerusform>%n finished clips on the page Generate were not saved.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>twill::gui::ModelsDialog</name>
    <message numerus="yes">
        <source>&amp;Found: %n model(s), %1 ready</source>
        <translation>
            <numerusform>&amp;Found: %n model, %1 ready</numerusform>
            <numerusform>&amp;Found: %n models, %1 ready</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>twill::gui::PlanPanel</name>
    <message numerus="yes">
        <source>Precision of %n head(s)</source>
        <translation>
            <numerusform>Precision of %n head</numerusform>
            <numerusform>Precision of %n heads</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Pattern of %n head(s)</source>
        <translation>
            <numerusform>Pattern of %n head</numerusform>
            <numerusform>Pattern of %n heads</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Fix %n head(s)</source>
        <translation>
            <numerusform>Fix %n head</numerusform>
            <numerusform>Fix %n heads</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Free %n head(s)</source>
        <translation>
            <numerusform>Free %n head</numerusform>
            <numerusform>Free %n heads</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n head(s) selected</source>
        <translation>
            <numerusform>%n head selected</numerusform>
            <numerusform>%n heads selected</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>twill::gui::QualityPanel</name>
    <message numerus="yes">
        <source> (without %n head(s) whose pattern was not measured)</source>
        <translation>
            <numerusform> (without %n head whose pattern was not measured)</numerusform>
            <numerusform> (without %n heads whose pattern was not measured)</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>This plan holds no profile: the slider goes through the %n stored plan(s) of its folder. A search on your own weights makes one with a profile.</source>
        <translation>
            <numerusform>This plan holds no profile: the slider goes through the %n stored plan of its folder. A search on your own weights makes one with a profile.</numerusform>
            <numerusform>This plan holds no profile: the slider goes through the %n stored plans of its folder. A search on your own weights makes one with a profile.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source> &amp;nbsp; &lt;b&gt;PSNR %1 dB&lt;/b&gt;, measured on %n clip(s)</source>
        <translation>
            <numerusform> &amp;nbsp; &lt;b&gt;PSNR %1 dB&lt;/b&gt;, measured on %n clip</numerusform>
            <numerusform> &amp;nbsp; &lt;b&gt;PSNR %1 dB&lt;/b&gt;, measured on %n clips</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source> &amp;nbsp; PSNR about %1 dB, from %n measured clip(s) of other plans</source>
        <translation>
            <numerusform> &amp;nbsp; PSNR about %1 dB, from %n measured clip of other plans</numerusform>
            <numerusform> &amp;nbsp; PSNR about %1 dB, from %n measured clips of other plans</numerusform>
        </translation>
    </message>
</context>
</TS>
