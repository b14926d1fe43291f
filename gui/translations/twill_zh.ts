<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh">
    <context>
        <name>QApplication</name>
        <message>
            <source>Looks at sparse attention plans and edits them.</source>
            <translation>查看和编辑稀疏注意力方案。</translation>
        </message>
        <message>
            <source>A plan to open.</source>
            <translation>要打开的方案。</translation>
        </message>
        <message>
            <source>Write the plan's heads to a file (png, svg, csv or html), without a window.</source>
            <translation>不打开窗口，把方案的各个头写入文件（png、svg、csv 或 html）。</translation>
        </message>
        <message>
            <source>Segment that an exported picture shows.</source>
            <translation>导出图片所显示的时段。</translation>
        </message>
        <message>
            <source>light, dark or system</source>
            <translation>light（浅色）、dark（深色）或 system（跟随系统）</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::AttentionView</name>
        <message>
            <source>Attention map</source>
            <translation>注意力图</translation>
        </message>
        <message>
            <source>The profile holds no attention maps.</source>
            <translation>剖析数据中没有注意力图。</translation>
        </message>
        <message>
            <source>query block %1, key block %2
attention %3 % of the row's most</source>
            <translation>查询块 %1，键块 %2
注意力为该行最大值的 %3 %</translation>
        </message>
        <message>
            <source>, %1 % kept</source>
            <translation>，保留 %1 %</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::Chart</name>
        <message>
            <source>%1 over %2</source>
            <translation>%1 随 %2 的变化</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::ComparePage</name>
        <message>
            <source>Open the other plan...</source>
            <translation>打开另一个方案...</translation>
        </message>
        <message>
            <source>Remember the open plan as it is</source>
            <translation>记住当前方案</translation>
        </message>
        <message>
            <source>t</source>
            <translation>t</translation>
        </message>
        <message>
            <source>Head</source>
            <translation>头</translation>
        </message>
        <message>
            <source>Open plan</source>
            <translation>打开方案</translation>
        </message>
        <message>
            <source>Other plan</source>
            <translation>另一个方案</translation>
        </message>
        <message>
            <source>Open the other plan</source>
            <translation>打开另一个方案</translation>
        </message>
        <message>
            <source>Plans (*.json)</source>
            <translation>方案 (*.json)</translation>
        </message>
        <message>
            <source>The other plan is for another model.</source>
            <translation>另一个方案属于别的模型。</translation>
        </message>
        <message>
            <source>No plan is open.</source>
            <translation>没有打开方案。</translation>
        </message>
        <message>
            <source>Open a second plan for the same model, or remember the open one and edit on: heads that differ are framed.</source>
            <translation>打开同一模型的第二个方案，或记住当前方案后继续编辑：不同的头会加上边框。</translation>
        </message>
        <message>
            <source>t %1 to %2</source>
            <translation>t %1 至 %2</translation>
        </message>
        <message>
            <source>The plans treat every head alike.</source>
            <translation>两个方案对每个头的处理都相同。</translation>
        </message>
        <message numerus="yes">
            <source>%n head(s) and stretches of t differ.</source>
            <translation>
                <numerusform>有 %n 处（头与 t 时段）不同。</numerusform>
            </translation>
        </message>
        <message>
            <source>%1 to %2</source>
            <translation>%1 至 %2</translation>
        </message>
        <message>
            <source>Compare</source>
            <translation>比较</translation>
        </message>
        <message>
            <source>&lt;b&gt;%1&lt;/b&gt;: density %2 %, predicted error %3</source>
            <translation>&lt;b&gt;%1&lt;/b&gt;：密度 %2 %，预测误差 %3</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::HeadInspector</name>
        <message>
            <source>Attention map</source>
            <translation>注意力图</translation>
        </message>
        <message>
            <source>In the video</source>
            <translation>在视频中</translation>
        </message>
        <message>
            <source>density, % of dense</source>
            <translation>密度，占稠密的 %</translation>
        </message>
        <message>
            <source>head error</source>
            <translation>头误差</translation>
        </message>
        <message>
            <source>t (1: noise, 0: clean)</source>
            <translation>t（1：噪声，0：干净）</translation>
        </message>
        <message>
            <source>Candidates</source>
            <translation>候选</translation>
        </message>
        <message>
            <source>Error over t</source>
            <translation>误差随 t</translation>
        </message>
        <message>
            <source>Select a head in the map.</source>
            <translation>请在图中选择一个头。</translation>
        </message>
        <message>
            <source>This plan holds no profile: attention maps and errors cannot be shown. The Search page, or twill search, makes a plan with one.</source>
            <translation>此方案不含剖析数据，无法显示注意力图和误差。“搜索”页或 twill search 可生成带剖析数据的方案。</translation>
        </message>
        <message>
            <source>No plan is open.</source>
            <translation>没有打开方案。</translation>
        </message>
        <message>
            <source>Being computed...</source>
            <translation>正在计算...</translation>
        </message>
        <message>
            <source>%1, layer %2, head %3: %4</source>
            <translation>%1，第 %2 层，头 %3：%4</translation>
        </message>
        <message>
            <source>candidates</source>
            <translation>候选</translation>
        </message>
        <message>
            <source>%1
density %2 %, head error %3</source>
            <translation>%1
密度 %2 %，头误差 %3</translation>
        </message>
        <message>
            <source>in the plan</source>
            <translation>方案所用</translation>
        </message>
        <message>
            <source>The profile did not measure this pattern.</source>
            <translation>剖析数据没有测量此模式。</translation>
        </message>
        <message>
            <source>error</source>
            <translation>误差</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::HeadsMap</name>
        <message>
            <source>Heads map</source>
            <translation>头分布图</translation>
        </message>
        <message>
            <source>No plan is open.</source>
            <translation>没有打开方案。</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::HeadsModel</name>
        <message>
            <source>%1: %2, %3, t %4 to %5</source>
            <translation>%1：%2，%3，t %4 至 %5</translation>
        </message>
        <message>
            <source>Pattern</source>
            <translation>模式</translation>
        </message>
        <message>
            <source>Density</source>
            <translation>密度</translation>
        </message>
        <message>
            <source>Head error</source>
            <translation>头误差</translation>
        </message>
        <message>
            <source>Share of cost</source>
            <translation>开销占比</translation>
        </message>
        <message>
            <source>Gain</source>
            <translation>增益</translation>
        </message>
        <message>
            <source>dense</source>
            <translation>稠密</translation>
        </message>
        <message>
            <source>skip</source>
            <translation>跳过</translation>
        </message>
        <message>
            <source>mean</source>
            <translation>均值</translation>
        </message>
        <message>
            <source>diagonal</source>
            <translation>对角</translation>
        </message>
        <message>
            <source>multi-diagonal</source>
            <translation>多对角</translation>
        </message>
        <message>
            <source>vertical stripe</source>
            <translation>竖条</translation>
        </message>
        <message>
            <source>window</source>
            <translation>窗口</translation>
        </message>
        <message>
            <source>union</source>
            <translation>并集</translation>
        </message>
        <message>
            <source>%1, layer %2, head %3</source>
            <translation>%1，第 %2 层，头 %3</translation>
        </message>
        <message>
            <source>density %1 %, %2 % of the cost</source>
            <translation>密度 %1 %，占开销 %2 %</translation>
        </message>
        <message>
            <source>head error %1, gain %2</source>
            <translation>头误差 %1，增益 %2</translation>
        </message>
        <message>
            <source>head error not measured for this pattern, gain %1</source>
            <translation>此模式的头误差未测量，增益 %1</translation>
        </message>
        <message>
            <source>fixed</source>
            <translation>已固定</translation>
        </message>
        <message>
            <source>layer %1</source>
            <translation>第 %1 层</translation>
        </message>
        <message>
            <source>head %1</source>
            <translation>头 %1</translation>
        </message>
        <message>
            <source>%1 is not known without a profile.</source>
            <translation>没有剖析数据就无法得知%1。</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::HeadsPage</name>
        <message>
            <source>t %1 to %2%3</source>
            <translation>t %1 至 %2%3</translation>
        </message>
        <message>
            <source>, dense</source>
            <translation>，稠密</translation>
        </message>
        <message>
            <source>Play over t</source>
            <translation>沿 t 播放</translation>
        </message>
        <message>
            <source>Shows one segment after the other, from noise to clean</source>
            <translation>从噪声到干净，依次显示各个时段</translation>
        </message>
        <message>
            <source>Colour</source>
            <translation>颜色</translation>
        </message>
        <message>
            <source>Filter</source>
            <translation>筛选</translation>
        </message>
        <message>
            <source>any pattern</source>
            <translation>任意模式</translation>
        </message>
        <message>
            <source>any value</source>
            <translation>任意值</translation>
        </message>
        <message>
            <source>at least </source>
            <translation>至少 </translation>
        </message>
        <message>
            <source> %</source>
            <translation> %</translation>
        </message>
        <message>
            <source>Select these</source>
            <translation>选中这些</translation>
        </message>
        <message>
            <source>Heads</source>
            <translation>头</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::MainWindow</name>
        <message>
            <source>Pages</source>
            <translation>页面</translation>
        </message>
        <message>
            <source>&amp;View</source>
            <translation>视图(&amp;V)</translation>
        </message>
        <message>
            <source>&amp;File</source>
            <translation>文件(&amp;F)</translation>
        </message>
        <message>
            <source>&amp;Open plan...</source>
            <translation>打开方案(&amp;O)...</translation>
        </message>
        <message>
            <source>Open plan</source>
            <translation>打开方案</translation>
        </message>
        <message>
            <source>Plans and profiles (*.json);;All files (*)</source>
            <translation>方案和剖析数据 (*.json);;所有文件 (*)</translation>
        </message>
        <message>
            <source>Open &amp;recent</source>
            <translation>最近打开(&amp;R)</translation>
        </message>
        <message>
            <source>&amp;Save</source>
            <translation>保存(&amp;S)</translation>
        </message>
        <message>
            <source>Save &amp;as...</source>
            <translation>另存为(&amp;A)...</translation>
        </message>
        <message>
            <source>&amp;Export heads...</source>
            <translation>导出头分布(&amp;E)...</translation>
        </message>
        <message>
            <source>&amp;Quit</source>
            <translation>退出(&amp;Q)</translation>
        </message>
        <message>
            <source>&amp;Edit</source>
            <translation>编辑(&amp;E)</translation>
        </message>
        <message>
            <source>Undo</source>
            <translation>撤销</translation>
        </message>
        <message>
            <source>Redo</source>
            <translation>重做</translation>
        </message>
        <message>
            <source>no plan</source>
            <translation>无方案</translation>
        </message>
        <message>
            <source>new plan</source>
            <translation>新方案</translation>
        </message>
        <message>
            <source>Save plan</source>
            <translation>保存方案</translation>
        </message>
        <message>
            <source>Plans (*.json)</source>
            <translation>方案 (*.json)</translation>
        </message>
        <message>
            <source>Export heads</source>
            <translation>导出头分布</translation>
        </message>
        <message>
            <source>Pictures, tables and pages (*.png *.svg *.csv *.html)</source>
            <translation>图片、表格和网页 (*.png *.svg *.csv *.html)</translation>
        </message>
        <message>
            <source>None yet</source>
            <translation>暂无</translation>
        </message>
        <message>
            <source>a new plan</source>
            <translation>新方案</translation>
        </message>
        <message>
            <source>Unsaved edits of %1 were left behind (%2).</source>
            <translation>%1 有未保存的编辑（%2）。</translation>
        </message>
        <message>
            <source>Bring them back</source>
            <translation>恢复</translation>
        </message>
        <message>
            <source>Throw them away</source>
            <translation>丢弃</translation>
        </message>
        <message>
            <source>Unsaved edits</source>
            <translation>未保存的编辑</translation>
        </message>
        <message>
            <source>The plan has edits that were not saved. Save them?</source>
            <translation>方案有未保存的编辑。要保存吗？</translation>
        </message>
        <message>
            <source>Open &amp;preset</source>
            <translation>打开预设(&amp;P)</translation>
        </message>
        <message>
            <source>None found</source>
            <translation>未找到</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::PatternEditor</name>
        <message>
            <source>Pattern</source>
            <translation>模式</translation>
        </message>
        <message>
            <source>Measured</source>
            <translation>已测量</translation>
        </message>
        <message>
            <source>not measured: %1</source>
            <translation>未测量：%1</translation>
        </message>
        <message>
            <source>Reach, frames</source>
            <translation>范围（帧）</translation>
        </message>
        <message>
            <source>Frames</source>
            <translation>帧</translation>
        </message>
        <message>
            <source>Rows, share</source>
            <translation>行占比</translation>
        </message>
        <message>
            <source>Columns, share</source>
            <translation>列占比</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::PlanPanel</name>
        <message>
            <source>Heads</source>
            <translation>头</translation>
        </message>
        <message>
            <source>this segment</source>
            <translation>本时段</translation>
        </message>
        <message>
            <source>all sparse segments</source>
            <translation>所有稀疏时段</translation>
        </message>
        <message>
            <source>Change in</source>
            <translation>更改范围</translation>
        </message>
        <message>
            <source>Precision</source>
            <translation>精度</translation>
        </message>
        <message>
            <source>Fixed: the slider leaves it alone</source>
            <translation>固定：滑块不改动它</translation>
        </message>
        <message>
            <source>Segment</source>
            <translation>时段</translation>
        </message>
        <message>
            <source>All heads dense</source>
            <translation>所有头稠密</translation>
        </message>
        <message>
            <source>Split in two</source>
            <translation>一分为二</translation>
        </message>
        <message>
            <source>Join with next</source>
            <translation>与下一个合并</translation>
        </message>
        <message numerus="yes">
            <source>Precision of %n head(s)</source>
            <translation>
                <numerusform>%n 个头的精度</numerusform>
            </translation>
        </message>
        <message>
            <source>Dense segment</source>
            <translation>稠密时段</translation>
        </message>
        <message>
            <source>Sparse segment</source>
            <translation>稀疏时段</translation>
        </message>
        <message>
            <source>Split segment</source>
            <translation>拆分时段</translation>
        </message>
        <message>
            <source>Join segments</source>
            <translation>合并时段</translation>
        </message>
        <message numerus="yes">
            <source>Pattern of %n head(s)</source>
            <translation>
                <numerusform>%n 个头的模式</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>Fix %n head(s)</source>
            <translation>
                <numerusform>固定 %n 个头</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>Free %n head(s)</source>
            <translation>
                <numerusform>释放 %n 个头</numerusform>
            </translation>
        </message>
        <message>
            <source>No plan is open.</source>
            <translation>没有打开方案。</translation>
        </message>
        <message>
            <source>Select heads in the map: click, drag, shift; a layer's number takes the whole layer.</source>
            <translation>在图中选择头：单击、拖动、Shift；单击层号选中整层。</translation>
        </message>
        <message numerus="yes">
            <source>%n head(s) selected</source>
            <translation>
                <numerusform>已选中 %n 个头</numerusform>
            </translation>
        </message>
        <message>
            <source>, with different patterns; the first one's is shown</source>
            <translation>，模式不同；显示第一个的模式</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::QualityPanel</name>
        <message>
            <source>&lt;b&gt;density %1 %&lt;/b&gt;</source>
            <translation>&lt;b&gt;密度 %1 %&lt;/b&gt;</translation>
        </message>
        <message>
            <source> &amp;nbsp; attention time %1 % of dense</source>
            <translation> &amp;nbsp; 注意力时间为稠密的 %1 %</translation>
        </message>
        <message>
            <source> &amp;nbsp; predicted error %1</source>
            <translation> &amp;nbsp; 预测误差 %1</translation>
        </message>
        <message numerus="yes">
            <source> (without %n head(s) whose pattern was not measured)</source>
            <translation>
                <numerusform>（不含 %n 个模式未测量的头）</numerusform>
            </translation>
        </message>
        <message>
            <source>&lt;br&gt;for %1</source>
            <translation>&lt;br&gt;条件：%1</translation>
        </message>
        <message>
            <source>Faster</source>
            <translation>更快</translation>
        </message>
        <message>
            <source>Speed or quality</source>
            <translation>速度或质量</translation>
        </message>
        <message>
            <source>Better</source>
            <translation>更好</translation>
        </message>
        <message>
            <source>density, % of dense</source>
            <translation>密度，占稠密的 %</translation>
        </message>
        <message>
            <source>predicted error</source>
            <translation>预测误差</translation>
        </message>
        <message>
            <source>front</source>
            <translation>前沿</translation>
        </message>
        <message>
            <source>quality %1 %: density %2 %, predicted error %3</source>
            <translation>质量 %1 %：密度 %2 %，预测误差 %3</translation>
        </message>
        <message>
            <source>No plan is open.</source>
            <translation>没有打开方案。</translation>
        </message>
        <message>
            <source>Predicted numbers are being prepared...</source>
            <translation>正在准备预测数据...</translation>
        </message>
        <message>
            <source>This plan holds no profile, so its time and error cannot be predicted and the slider cannot solve for other settings. A search makes a plan with a profile: the Search page, or twill search on the command line.</source>
            <translation>此方案不含剖析数据，无法预测时间和误差，滑块也无法求解其他设置。搜索可生成带剖析数据的方案：用“搜索”页，或命令行 twill search。</translation>
        </message>
        <message>
            <source>The solver is being prepared...</source>
            <translation>正在准备求解器...</translation>
        </message>
        <message>
            <source>this plan</source>
            <translation>当前方案</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::QualitySolver</name>
        <message>
            <source>Quality %1 %</source>
            <translation>质量 %1 %</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::SettingsPage</name>
        <message>
            <source>As the system</source>
            <translation>跟随系统</translation>
        </message>
        <message>
            <source>Light</source>
            <translation>浅色</translation>
        </message>
        <message>
            <source>Dark</source>
            <translation>深色</translation>
        </message>
        <message>
            <source>Colours</source>
            <translation>配色</translation>
        </message>
        <message>
            <source>The language changes when Twill Studio is started again.</source>
            <translation>重新启动 Twill Studio 后语言生效。</translation>
        </message>
        <message>
            <source>Language</source>
            <translation>语言</translation>
        </message>
        <message>
            <source>Settings</source>
            <translation>设置</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::ShortcutsPage</name>
        <message>
            <source>Window</source>
            <translation>窗口</translation>
        </message>
        <message>
            <source>Heads map</source>
            <translation>头分布图</translation>
        </message>
        <message>
            <source>Attention map</source>
            <translation>注意力图</translation>
        </message>
        <message>
            <source>Video grid</source>
            <translation>视频网格</translation>
        </message>
        <message>
            <source>Charts</source>
            <translation>图表</translation>
        </message>
        <message>
            <source>Open a plan</source>
            <translation>打开方案</translation>
        </message>
        <message>
            <source>Save the plan</source>
            <translation>保存方案</translation>
        </message>
        <message>
            <source>Save under another name</source>
            <translation>另存为</translation>
        </message>
        <message>
            <source>Export the heads</source>
            <translation>导出头分布</translation>
        </message>
        <message>
            <source>Undo an edit</source>
            <translation>撤销编辑</translation>
        </message>
        <message>
            <source>Redo it</source>
            <translation>重做</translation>
        </message>
        <message>
            <source>Quit</source>
            <translation>退出</translation>
        </message>
        <message>
            <source>Arrows, Home, End, Page up, Page down</source>
            <translation>方向键、Home、End、Page Up、Page Down</translation>
        </message>
        <message>
            <source>Move; with Shift select a rectangle</source>
            <translation>移动；按住 Shift 选择矩形</translation>
        </message>
        <message>
            <source>Select all heads</source>
            <translation>选中所有头</translation>
        </message>
        <message>
            <source>Escape</source>
            <translation>Esc</translation>
        </message>
        <message>
            <source>Select none</source>
            <translation>取消选择</translation>
        </message>
        <message>
            <source>Zoom in, out, show all</source>
            <translation>放大、缩小、显示全部</translation>
        </message>
        <message>
            <source>Arrows</source>
            <translation>方向键</translation>
        </message>
        <message>
            <source>Move the picked block</source>
            <translation>移动选中的块</translation>
        </message>
        <message>
            <source>Show or hide what the plan keeps</source>
            <translation>显示或隐藏方案保留的部分</translation>
        </message>
        <message>
            <source>Arrows, Page up, Page down</source>
            <translation>方向键、Page Up、Page Down</translation>
        </message>
        <message>
            <source>Move the picked token; pages go by frames</source>
            <translation>移动选中的词元；翻页键按帧移动</translation>
        </message>
        <message>
            <source>Left, Right, Return</source>
            <translation>左、右、回车</translation>
        </message>
        <message>
            <source>Go from point to point, take one</source>
            <translation>逐点移动，选用一个</translation>
        </message>
        <message>
            <source>Pages</source>
            <translation>页面</translation>
        </message>
        <message>
            <source>Where</source>
            <translation>位置</translation>
        </message>
        <message>
            <source>Keys</source>
            <translation>按键</translation>
        </message>
        <message>
            <source>What</source>
            <translation>作用</translation>
        </message>
    </context>
    <context>
        <name>twill::gui::VideoGridView</name>
        <message>
            <source>Attention in the video's grid</source>
            <translation>视频网格中的注意力</translation>
        </message>
        <message>
            <source>The profile holds no attention maps.</source>
            <translation>剖析数据中没有注意力图。</translation>
        </message>
    </context>
</TS>
