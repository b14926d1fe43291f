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
        <source>Write the plan&apos;s heads to a file (png, svg, csv or html), without a window.</source>
        <translation>不打开窗口，把方案的各个头写入文件（png、svg、csv 或 html）。</translation>
    </message>
    <message>
        <source>light, dark or system</source>
        <translation>light（浅色）、dark（深色）或 system（跟随系统）</translation>
    </message>
    <message>
        <source>Segment that an exported picture shows, counted from 0 as the tabs stand: from noise to clean.</source>
        <translation>导出图片所显示的时段，从 0 开始，按标签页的顺序编号：从噪声到清晰。</translation>
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
attention %3 % of the row&apos;s most</source>
        <translation>查询块 %1，键块 %2
注意力为该行最大值的 %3 %</translation>
    </message>
    <message>
        <source>, %1 % kept</source>
        <translation>，保留 %1 %</translation>
    </message>
</context>
<context>
    <name>twill::gui::CaptureDialog</name>
    <message>
        <source>Attention at full detail</source>
        <translation>完整细节的注意力</translation>
    </message>
    <message>
        <source>%1, %2 s left</source>
        <translation>%1，剩余 %2 秒</translation>
    </message>
    <message>
        <source>Looking for models...</source>
        <translation>正在查找模型...</translation>
    </message>
    <message>
        <source>&amp;Model</source>
        <translation>模型(&amp;M)</translation>
    </message>
    <message>
        <source>&amp;Size</source>
        <translation>尺寸(&amp;S)</translation>
    </message>
    <message>
        <source>&amp;Prompt</source>
        <translation>提示词(&amp;P)</translation>
    </message>
    <message>
        <source>S&amp;eed</source>
        <translation>种子(&amp;E)</translation>
    </message>
    <message>
        <source>&amp;t (1: noise, 0: clean)</source>
        <translation>t（1：噪声，0：干净）(&amp;T)</translation>
    </message>
    <message>
        <source>&amp;Capture</source>
        <translation>捕获(&amp;C)</translation>
    </message>
    <message>
        <source>No model that runs here has the layers and heads of this plan (%1). The page Generate says where models are looked for.</source>
        <translation>没有可在此运行且层和头与此方案（%1）相符的模型。“生成”页说明在哪里查找模型。</translation>
    </message>
    <message numerus="yes">
        <source>Maps of %n head(s): %1, kept while the app runs; about %2 while it captures.</source>
        <translation>
            <numerusform>%n 个头的图：%1，程序运行期间保留；捕获时约需 %2。</numerusform>
        </translation>
    </message>
    <message>
        <source> Only %1 are free: choose fewer heads or a smaller clip.</source>
        <translation>仅剩 %1 空闲：请少选一些头或用更小的视频。</translation>
    </message>
    <message>
        <source>Write a prompt.</source>
        <translation>请输入提示词。</translation>
    </message>
    <message>
        <source>Stopping...</source>
        <translation>正在停止...</translation>
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
    <name>twill::gui::ClipForm</name>
    <message>
        <source>Looking for models...</source>
        <translation>正在查找模型...</translation>
    </message>
    <message>
        <source>&amp;Model</source>
        <translation>模型(&amp;M)</translation>
    </message>
    <message>
        <source>&amp;Prompt</source>
        <translation>提示词(&amp;P)</translation>
    </message>
    <message>
        <source>&amp;Size</source>
        <translation>尺寸(&amp;S)</translation>
    </message>
    <message>
        <source>Width, height, frames</source>
        <translation>宽、高、帧数</translation>
    </message>
    <message>
        <source>S&amp;teps, sampler</source>
        <translation>步数、采样器(&amp;T)</translation>
    </message>
    <message>
        <source>Another</source>
        <translation>换一个</translation>
    </message>
    <message>
        <source>S&amp;eed</source>
        <translation>种子(&amp;E)</translation>
    </message>
    <message>
        <source>Shift, guidance</source>
        <translation>偏移、引导</translation>
    </message>
    <message>
        <source>Negative prompt</source>
        <translation>负面提示词</translation>
    </message>
    <message>
        <source>In ComfyUI (word) weighs 1.1 and (word:1.3) weighs 1.3; elsewhere brackets are text.</source>
        <translation>在 ComfyUI 中，(word) 的权重为 1.1，(word:1.3) 的权重为 1.3；在别处，括号只是文字。</translation>
    </message>
    <message>
        <source>Brackets in prompts</source>
        <translation>提示词中的括号</translation>
    </message>
    <message>
        <source>as the machine does best</source>
        <translation>按机器最佳方式</translation>
    </message>
    <message>
        <source>weights, as in ComfyUI</source>
        <translation>权重，与 ComfyUI 相同</translation>
    </message>
    <message>
        <source>text</source>
        <translation>文字</translation>
    </message>
    <message>
        <source>weights with a number such as (word:1.3), else text</source>
        <translation>带数字（如 (word:1.3)）时为权重，否则为文字</translation>
    </message>
    <message>
        <source>%1 (cannot run)</source>
        <translation>%1（无法运行）</translation>
    </message>
    <message>
        <source>%1 frames</source>
        <translation>%1 帧</translation>
    </message>
    <message>
        <source>Other</source>
        <translation>其他</translation>
    </message>
    <message>
        <source>Frames a second</source>
        <translation>每秒帧数</translation>
    </message>
    <message>
        <source>Numbers</source>
        <translation>数值类型</translation>
    </message>
    <message>
        <source>Start picture</source>
        <translation>起始图片</translation>
    </message>
    <message>
        <source>End picture</source>
        <translation>结束图片</translation>
    </message>
    <message>
        <source>LoRAs</source>
        <translation>LoRA</translation>
    </message>
    <message>
        <source>Models...</source>
        <translation>模型...</translation>
    </message>
    <message>
        <source>Where models are looked for, and what was found there.</source>
        <translation>在哪里查找模型，以及找到了什么。</translation>
    </message>
    <message>
        <source>Sett&amp;ing</source>
        <translation>设置方案(&amp;I)</translation>
    </message>
    <message>
        <source>For a step-distilled LoRA: add it above, unless the checkpoint has it merged.</source>
        <translation>用于步数蒸馏 LoRA：请在上方添加，除非检查点已合并了它。</translation>
    </message>
    <message>
        <source>No model was found. Models... says where they are looked for.</source>
        <translation>未找到模型。“模型...”会说明在哪里查找。</translation>
    </message>
    <message>
        <source>all that is free</source>
        <translation>全部空闲显存</translation>
    </message>
    <message>
        <source>Of the GPU, for weights and a step; what does not fit stands in host memory.</source>
        <translation>用于权重和一步计算的显存；放不下的存放在内存中。</translation>
    </message>
    <message>
        <source>GPU memory</source>
        <translation>显存</translation>
    </message>
    <message>
        <source>Guidance of the second expert, which ends the clip.</source>
        <translation>第二个专家（生成后段）的引导系数。</translation>
    </message>
</context>
<context>
    <name>twill::gui::ClipQueue</name>
    <message>
        <source>waiting</source>
        <translation>等待中</translation>
    </message>
    <message>
        <source>running</source>
        <translation>进行中</translation>
    </message>
    <message>
        <source>%1, %2 %</source>
        <translation>%1，%2 %</translation>
    </message>
    <message>
        <source>%1 dB, %2x faster</source>
        <translation>%1 dB，快 %2 倍</translation>
    </message>
    <message>
        <source>%1 dB, the plan took no part</source>
        <translation>%1 dB，计划未起作用</translation>
    </message>
    <message>
        <source>finished in %1 s</source>
        <translation>用时 %1 秒完成</translation>
    </message>
    <message>
        <source>cancelled</source>
        <translation>已取消</translation>
    </message>
    <message>
        <source>failed: %1</source>
        <translation>失败：%1</translation>
    </message>
    <message>
        <source>%1, step %2 of %3</source>
        <translation>%1，第 %2 步，共 %3 步</translation>
    </message>
</context>
<context>
    <name>twill::gui::ClipView</name>
    <message>
        <source>No clip yet</source>
        <translation>还没有视频</translation>
    </message>
    <message>
        <source>Difference x %1</source>
        <translation>差异 x %1</translation>
    </message>
</context>
<context>
    <name>twill::gui::ComfyClient</name>
    <message>
        <source>&quot;%1&quot; is no address of a ComfyUI, such as 127.0.0.1:8188</source>
        <translation>“%1”不是 ComfyUI 的地址，例如 127.0.0.1:8188</translation>
    </message>
    <message>
        <source>No ComfyUI answers at %1: %2</source>
        <translation>%1 没有 ComfyUI 应答：%2</translation>
    </message>
    <message>
        <source>%1 answers, but not as ComfyUI does</source>
        <translation>%1 有应答，但不是 ComfyUI</translation>
    </message>
    <message>
        <source>%1 does not tell its nodes: %2</source>
        <translation>%1 未能列出其节点：%2</translation>
    </message>
    <message>
        <source>The connection to ComfyUI was closed</source>
        <translation>与 ComfyUI 的连接已关闭</translation>
    </message>
    <message>
        <source>node %1 (%2): %3</source>
        <translation>节点 %1（%2）：%3</translation>
    </message>
    <message>
        <source>ComfyUI at %1 is gone: %2</source>
        <translation>%1 的 ComfyUI 已断开：%2</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1：%2</translation>
    </message>
    <message>
        <source>%1 takes no plans over HTTP (%2): Twill&apos;s nodes are not installed there, or are of an older version. Save the plan into models/sparse_plans there, connect again and choose it by its name.</source>
        <translation>%1 不通过 HTTP 接收方案（%2）：那里没有安装 Twill 的节点，或版本较旧。请把方案保存到那里的 models/sparse_plans，重新连接后按名称选择。</translation>
    </message>
</context>
<context>
    <name>twill::gui::ComfyPage</name>
    <message>
        <source>&amp;Connect</source>
        <translation>连接(&amp;C)</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>未连接</translation>
    </message>
    <message>
        <source>&amp;Workflow file...</source>
        <translation>工作流文件(&amp;W)...</translation>
    </message>
    <message>
        <source>&amp;Run</source>
        <translation>运行(&amp;R)</translation>
    </message>
    <message>
        <source>C&amp;ancel</source>
        <translation>取消(&amp;A)</translation>
    </message>
    <message>
        <source>&amp;Address</source>
        <translation>地址(&amp;A)</translation>
    </message>
    <message>
        <source>W&amp;orkflow</source>
        <translation>工作流(&amp;O)</translation>
    </message>
    <message>
        <source>&amp;Plan</source>
        <translation>方案(&amp;P)</translation>
    </message>
    <message>
        <source>Asking %1...</source>
        <translation>正在询问 %1...</translation>
    </message>
    <message>
        <source>Workflow</source>
        <translation>工作流</translation>
    </message>
    <message>
        <source>Workflows of ComfyUI (*.json)</source>
        <translation>ComfyUI 工作流 (*.json)</translation>
    </message>
    <message>
        <source>What ComfyUI makes is shown here</source>
        <translation>ComfyUI 的结果显示在这里</translation>
    </message>
    <message>
        <source>ComfyUI %1, %2 nodes</source>
        <translation>ComfyUI %1，%2 个节点</translation>
    </message>
    <message>
        <source>; Twill&apos;s nodes are not installed there</source>
        <translation>；那里没有安装 Twill 的节点</translation>
    </message>
    <message>
        <source>Waiting in ComfyUI&apos;s queue</source>
        <translation>在 ComfyUI 队列中等待</translation>
    </message>
    <message>
        <source>Running %1</source>
        <translation>正在运行 %1</translation>
    </message>
    <message>
        <source>%1: %2 of %3</source>
        <translation>%1：%2 / %3</translation>
    </message>
    <message>
        <source>Failed: %1</source>
        <translation>失败：%1</translation>
    </message>
    <message>
        <source>Cancelled</source>
        <translation>已取消</translation>
    </message>
    <message>
        <source>As the workflow says</source>
        <translation>按工作流的设置</translation>
    </message>
    <message>
        <source>The open plan: %1</source>
        <translation>打开的方案：%1</translation>
    </message>
    <message>
        <source>%1: cannot be read: %2</source>
        <translation>%1：无法读取：%2</translation>
    </message>
    <message>
        <source>Finished; the workflow made no file</source>
        <translation>已完成；工作流没有生成文件</translation>
    </message>
    <message numerus="yes">
        <source>Finished; fetching %n file(s)</source>
        <translation>
            <numerusform>已完成；正在获取 %n 个文件</numerusform>
        </translation>
    </message>
    <message>
        <source>%1: cannot be written: %2</source>
        <translation>%1：无法写入：%2</translation>
    </message>
    <message>
        <source>Dense</source>
        <translation>稠密</translation>
    </message>
    <message>
        <source>Sparse</source>
        <translation>稀疏</translation>
    </message>
    <message>
        <source>Finished</source>
        <translation>已完成</translation>
    </message>
    <message>
        <source>ComfyUI</source>
        <translation>ComfyUI</translation>
    </message>
    <message>
        <source>Sending the plan...</source>
        <translation>正在发送方案...</translation>
    </message>
    <message>
        <source>Connect to a ComfyUI to run a workflow there.</source>
        <translation>请先连接到 ComfyUI，才能在那里运行工作流。</translation>
    </message>
    <message>
        <source>Choose a workflow file.</source>
        <translation>请选择工作流文件。</translation>
    </message>
    <message>
        <source>Twill&apos;s nodes are not installed in that ComfyUI: no plan can be given to it.</source>
        <translation>该 ComfyUI 未安装 Twill 的节点：无法把方案交给它。</translation>
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
    <name>twill::gui::CostTeller</name>
    <message>
        <source>%1 s</source>
        <translation>%1 秒</translation>
    </message>
    <message>
        <source>%1 min %2 s</source>
        <translation>%1 分 %2 秒</translation>
    </message>
    <message>
        <source>%1 h %2 min</source>
        <translation>%1 小时 %2 分</translation>
    </message>
    <message>
        <source>dense %1, </source>
        <translation>稠密 %1，</translation>
    </message>
    <message>
        <source>sparse %1, </source>
        <translation>稀疏 %1，</translation>
    </message>
    <message>
        <source>VAE %1</source>
        <translation>VAE %1</translation>
    </message>
    <message>
        <source>Sparse, %1</source>
        <translation>稀疏，%1</translation>
    </message>
    <message>
        <source>Dense, %1</source>
        <translation>稠密，%1</translation>
    </message>
    <message>
        <source>PSNR %1 dB, SSIM %2 against dense; density %3; the denoising loop is %4 times as fast</source>
        <translation>相对稠密：PSNR %1 dB，SSIM %2；密度 %3；去噪循环快 %4 倍</translation>
    </message>
    <message>
        <source>sparse %1 with %2 of adapting, </source>
        <translation>稀疏 %1（其中适应 %2），</translation>
    </message>
    <message>
        <source>PSNR %1 dB, SSIM %2 against dense; %3</source>
        <translation>与稠密相比 PSNR %1 dB，SSIM %2；%3</translation>
    </message>
    <message>
        <source>about %1 (%2)</source>
        <translation>约 %1（%2）</translation>
    </message>
    <message>
        <source>%1 GB of memory</source>
        <translation>内存 %1 GB</translation>
    </message>
    <message>
        <source>memory not known</source>
        <translation>内存未知</translation>
    </message>
    <message>
        <source>%1 of %2 GB of the GPU</source>
        <translation>显存 %1 / %2 GB</translation>
    </message>
    <message>
        <source>%1, all layers stay there</source>
        <translation>%1，所有层都留在显存中</translation>
    </message>
    <message>
        <source>%1, %2 of %3 layers stay there, %4 GB of memory hold the layers</source>
        <translation>%1，%3 层中有 %2 层留在显存中，%4 GB 内存存放各层</translation>
    </message>
    <message>
        <source>%1 tokens, density %2: %3, %4</source>
        <translation>%1 个词元，密度 %2：%3，%4</translation>
    </message>
    <message>
        <source>time not known</source>
        <translation>时间未知</translation>
    </message>
    <message>
        <source>%1, the VAE works in %2 tiles</source>
        <translation>%1，VAE 分 %2 块处理</translation>
    </message>
    <message>
        <source>%1 but %2, which are read from the file at every step</source>
        <translation>%1，内存容纳不下，每步有 %2 层从文件读取</translation>
    </message>
</context>
<context>
    <name>twill::gui::GeneratePage</name>
    <message>
        <source>Also &amp;dense, from the same noise</source>
        <translation>同时用相同噪声生成稠密版(&amp;D)</translation>
    </message>
    <message>
        <source>&amp;Adapt the plan to this clip</source>
        <translation>让方案适应此视频(&amp;A)</translation>
    </message>
    <message>
        <source>For another size than the plan was searched at: measures the heads again in a few of the clip&apos;s own steps and solves for the rest, at the density that the plan has here. Needs the plan&apos;s profile.</source>
        <translation>用于与搜索时不同的尺寸：在生成过程的几步中重新测量各注意力头，并按方案在此尺寸下的密度重新求解其余步骤。需要方案自带的剖析数据。</translation>
    </message>
    <message>
        <source>P&amp;lan</source>
        <translation>方案(&amp;L)</translation>
    </message>
    <message>
        <source>&amp;Generate</source>
        <translation>生成(&amp;G)</translation>
    </message>
    <message>
        <source>Settings from a &amp;video...</source>
        <translation>从视频读取设置(&amp;V)...</translation>
    </message>
    <message>
        <source>Clips</source>
        <translation>视频</translation>
    </message>
    <message>
        <source>&amp;Cancel</source>
        <translation>取消(&amp;C)</translation>
    </message>
    <message>
        <source>&amp;Save video...</source>
        <translation>保存视频(&amp;S)...</translation>
    </message>
    <message>
        <source>&amp;Remove</source>
        <translation>移除(&amp;R)</translation>
    </message>
    <message>
        <source>%1, %2 left</source>
        <translation>%1，剩余 %2</translation>
    </message>
    <message>
        <source>. Only %1 GB are free: the clip may not fit.</source>
        <translation>。仅剩 %1 GB 空闲：可能放不下此视频。</translation>
    </message>
    <message>
        <source>Saved %1</source>
        <translation>已保存 %1</translation>
    </message>
    <message>
        <source>Dense</source>
        <translation>稠密</translation>
    </message>
    <message>
        <source>Sparse</source>
        <translation>稀疏</translation>
    </message>
    <message>
        <source>&quot;%1&quot;, made before, dense and by a plan from the same noise. Generate makes the next.</source>
        <translation>“%1”，事先用相同噪声分别以稠密和方案生成。点“生成”制作下一个。</translation>
    </message>
    <message>
        <source>Write a prompt.</source>
        <translation>请输入提示词。</translation>
    </message>
    <message>
        <source>&amp;Generate dense and sparse</source>
        <translation>生成稠密与稀疏(&amp;G)</translation>
    </message>
    <message>
        <source>Reckoning time and memory...</source>
        <translation>正在估算时间和内存...</translation>
    </message>
    <message>
        <source>Saving %1...</source>
        <translation>正在保存 %1...</translation>
    </message>
    <message>
        <source>Another video is being read or written.</source>
        <translation>正在读取或写入另一个视频。</translation>
    </message>
    <message>
        <source>Reading %1...</source>
        <translation>正在读取 %1...</translation>
    </message>
    <message>
        <source>%1 holds no settings of a Twill clip.</source>
        <translation>%1 不含 Twill 视频的设置。</translation>
    </message>
    <message>
        <source>The clip was made by the model %1 (%2), which is not here: another run gives another clip.</source>
        <translation>此视频由模型 %1（%2）生成，而该模型不在此处：再次运行会得到不同的视频。</translation>
    </message>
    <message>
        <source>Its plan was %1 (%2); open that file to use it.</source>
        <translation>其方案为 %1（%2）；要使用请打开该文件。</translation>
    </message>
    <message>
        <source>Settings taken from %1.</source>
        <translation>已从 %1 读取设置。</translation>
    </message>
    <message>
        <source>Save video</source>
        <translation>保存视频</translation>
    </message>
    <message>
        <source>Settings from a video</source>
        <translation>从视频读取设置</translation>
    </message>
    <message>
        <source>Videos (%1)</source>
        <translation>视频 (%1)</translation>
    </message>
    <message>
        <source>Generate</source>
        <translation>生成</translation>
    </message>
    <message>
        <source>Remove the clip</source>
        <translation>移除视频</translation>
    </message>
    <message>
        <source>The clip was not saved. Remove it all the same?</source>
        <translation>该视频尚未保存。仍要移除吗？</translation>
    </message>
    <message>
        <source>MP4 video</source>
        <translation>MP4 视频</translation>
    </message>
    <message>
        <source>WebM video</source>
        <translation>WebM 视频</translation>
    </message>
    <message>
        <source>GIF</source>
        <translation>GIF</translation>
    </message>
    <message>
        <source>WebP</source>
        <translation>WebP</translation>
    </message>
    <message numerus="yes">
        <source>%n finished clip(s) on the page Generate were not saved.</source>
        <translation>
            <numerusform>“生成”页面上有 %n 个已完成的视频尚未保存。</numerusform>
        </translation>
    </message>
    <message>
        <source>A clip is being made; closing stops it.</source>
        <translation>正在生成视频；关闭会使其停止。</translation>
    </message>
    <message>
        <source>Choose the start picture: this model makes clips from one.</source>
        <translation>请选择起始图片：此模型由图片生成视频。</translation>
    </message>
    <message>
        <source>Measure t&amp;he time</source>
        <translation>测量时间(&amp;H)</translation>
    </message>
    <message>
        <source>Loads the model and runs it three times on a short clip.</source>
        <translation>加载模型，并在短片段上运行三次。</translation>
    </message>
    <message>
        <source>. Measuring the time...</source>
        <translation>。正在测量时间...</translation>
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
    <message>
        <source>The map of single tokens that was captured; else the profile&apos;s</source>
        <translation>捕获的逐词元图；否则为剖析数据中的图</translation>
    </message>
    <message>
        <source>Full &amp;detail...</source>
        <translation>完整细节(&amp;D)...</translation>
    </message>
    <message>
        <source>Captures the selected heads&apos; attention token by token from a run of the model</source>
        <translation>运行模型，逐词元捕获所选各头的注意力</translation>
    </message>
    <message>
        <source>Captured at t %1</source>
        <translation>捕获于 t %1</translation>
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
    <name>twill::gui::LoraList</name>
    <message>
        <source>LoRAs</source>
        <translation>LoRA</translation>
    </message>
    <message>
        <source>File</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>Strength</source>
        <translation>强度</translation>
    </message>
    <message>
        <source>Expert</source>
        <translation>专家</translation>
    </message>
    <message>
        <source>Add LoRA...</source>
        <translation>添加 LoRA...</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>移除</translation>
    </message>
    <message>
        <source>Strength of %1</source>
        <translation>%1 的强度</translation>
    </message>
    <message>
        <source>Expert of %1</source>
        <translation>%1 的专家</translation>
    </message>
    <message>
        <source>both</source>
        <translation>两者</translation>
    </message>
    <message>
        <source>LoRA files</source>
        <translation>LoRA 文件</translation>
    </message>
    <message>
        <source>LoRA files (*.safetensors)</source>
        <translation>LoRA 文件 (*.safetensors)</translation>
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
        <source>Export heads</source>
        <translation>导出头分布</translation>
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
    <message>
        <source>%1 (read-only)</source>
        <translation>%1（只读）</translation>
    </message>
    <message>
        <source>%1 Save it as</source>
        <translation>%1另存为</translation>
    </message>
    <message>
        <source>%1 was changed by another program since it was opened here. Replace what stands there now?</source>
        <translation>%1 在此处打开之后被其他程序更改过。要替换其现有内容吗？</translation>
    </message>
    <message>
        <source>&amp;Replace</source>
        <translation>替换(&amp;R)</translation>
    </message>
    <message>
        <source>Plan</source>
        <translation>方案</translation>
    </message>
    <message>
        <source>Another plan was opened meanwhile: nothing was saved.</source>
        <translation>其间已打开另一个方案：没有保存任何内容。</translation>
    </message>
    <message>
        <source>Picture</source>
        <translation>图片</translation>
    </message>
    <message>
        <source>Drawing</source>
        <translation>矢量图</translation>
    </message>
    <message>
        <source>Table</source>
        <translation>表格</translation>
    </message>
    <message>
        <source>Page with picture and table</source>
        <translation>含图片和表格的网页</translation>
    </message>
    <message>
        <source>&amp;Close</source>
        <translation>关闭(&amp;C)</translation>
    </message>
    <message>
        <source>Unsaved edits are not kept in case of a crash: %1</source>
        <translation>未保存的编辑在崩溃时无法保留：%1</translation>
    </message>
    <message>
        <source>Unsaved edits were left behind (%1), but cannot be read: %2</source>
        <translation>留有未保存的编辑（%1），但无法读取：%2</translation>
    </message>
    <message>
        <source>The plan has edits that were not saved.</source>
        <translation>方案有未保存的编辑。</translation>
    </message>
    <message>
        <source>Close Twill Studio</source>
        <translation>关闭 Twill Studio</translation>
    </message>
    <message>
        <source>Close &amp;without saving</source>
        <translation>不保存并关闭(&amp;W)</translation>
    </message>
    <message>
        <source>&amp;Save the plan and close</source>
        <translation>保存方案并关闭(&amp;S)</translation>
    </message>
</context>
<context>
    <name>twill::gui::ModelsDialog</name>
    <message>
        <source>ready</source>
        <translation>可用</translation>
    </message>
    <message>
        <source>cannot run</source>
        <translation>无法运行</translation>
    </message>
    <message>
        <source>lacks %1</source>
        <translation>缺少 %1</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>&amp;Looked for in</source>
        <translation>查找位置(&amp;L)</translation>
    </message>
    <message>
        <source>Place</source>
        <translation>位置</translation>
    </message>
    <message>
        <source>What it is</source>
        <translation>说明</translation>
    </message>
    <message>
        <source>Add a folder...</source>
        <translation>添加文件夹...</translation>
    </message>
    <message>
        <source>ComfyUI&apos;s folder, or one of models of your own.</source>
        <translation>ComfyUI 的文件夹，或您自己的模型文件夹。</translation>
    </message>
    <message>
        <source>Add ComfyUI&apos;s extra_model_paths.yaml...</source>
        <translation>添加 ComfyUI 的 extra_model_paths.yaml...</translation>
    </message>
    <message>
        <source>Forget the place</source>
        <translation>移除该位置</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>State</source>
        <translation>状态</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>大小</translation>
    </message>
    <message>
        <source>&amp;Use this model</source>
        <translation>使用此模型(&amp;U)</translation>
    </message>
    <message>
        <source>%1, not there</source>
        <translation>%1，不存在</translation>
    </message>
    <message>
        <source>comes with Twill</source>
        <translation>随 Twill 提供</translation>
    </message>
    <message>
        <source>ComfyUI, found by itself</source>
        <translation>ComfyUI，自动找到</translation>
    </message>
    <message>
        <source>ComfyUI, yours</source>
        <translation>ComfyUI，您添加的</translation>
    </message>
    <message>
        <source>ComfyUI&apos;s list, yours</source>
        <translation>ComfyUI 的列表，您添加的</translation>
    </message>
    <message>
        <source>folder of yours</source>
        <translation>您的文件夹</translation>
    </message>
    <message>
        <source>Looking for models...</source>
        <translation>正在查找模型...</translation>
    </message>
    <message numerus="yes">
        <source>&amp;Found: %n model(s), %1 ready</source>
        <translation>
            <numerusform>找到 %n 个模型，%1 个可用(&amp;F)</numerusform>
        </translation>
    </message>
    <message>
        <source>No ComfyUI was found in its usual places; add its folder if you have one.</source>
        <translation>在常用位置未找到 ComfyUI；如果已安装，请添加其文件夹。</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1：%2</translation>
    </message>
    <message>
        <source>Folder of models or of ComfyUI</source>
        <translation>模型文件夹或 ComfyUI 文件夹</translation>
    </message>
    <message>
        <source>ComfyUI&apos;s extra_model_paths.yaml</source>
        <translation>ComfyUI 的 extra_model_paths.yaml</translation>
    </message>
    <message>
        <source>YAML (*.yaml *.yml)</source>
        <translation>YAML (*.yaml *.yml)</translation>
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
    <name>twill::gui::PictureEdit</name>
    <message>
        <source>drop a picture here</source>
        <translation>将图片拖到这里</translation>
    </message>
    <message>
        <source>Choose...</source>
        <translation>选择...</translation>
    </message>
    <message>
        <source>Pictures (*.png *.jpg *.jpeg *.webp)</source>
        <translation>图片 (*.png *.jpg *.jpeg *.webp)</translation>
    </message>
    <message>
        <source>This file cannot be shown as a picture.</source>
        <translation>此文件无法显示为图片。</translation>
    </message>
</context>
<context>
    <name>twill::gui::PlanChoice</name>
    <message>
        <source>None: dense attention</source>
        <translation>无：稠密注意力</translation>
    </message>
    <message>
        <source>The open plan: %1</source>
        <translation>打开的方案：%1</translation>
    </message>
    <message>
        <source>A plan file...</source>
        <translation>方案文件...</translation>
    </message>
    <message>
        <source>Choose plan</source>
        <translation>选择方案</translation>
    </message>
    <message>
        <source>Plans (*.json)</source>
        <translation>方案 (*.json)</translation>
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
        <source>Select heads in the map: click, drag, shift; a layer&apos;s number takes the whole layer.</source>
        <translation>在图中选择头：单击、拖动、Shift；单击层号选中整层。</translation>
    </message>
    <message numerus="yes">
        <source>%n head(s) selected</source>
        <translation>
            <numerusform>已选中 %n 个头</numerusform>
        </translation>
    </message>
    <message>
        <source>, with different patterns; the first one&apos;s is shown</source>
        <translation>，模式不同；显示第一个的模式</translation>
    </message>
    <message>
        <source>The shown segment takes in the one to its right, whose patterns go</source>
        <translation>当前时段并入其右侧的时段，后者的模式将丢失</translation>
    </message>
</context>
<context>
    <name>twill::gui::Player</name>
    <message>
        <source>Play or pause (space)</source>
        <translation>播放或暂停（空格）</translation>
    </message>
    <message>
        <source>Frame</source>
        <translation>帧</translation>
    </message>
    <message>
        <source>View</source>
        <translation>视图</translation>
    </message>
    <message>
        <source>Side by side</source>
        <translation>并排</translation>
    </message>
    <message>
        <source>Wipe</source>
        <translation>划像</translation>
    </message>
    <message>
        <source>Difference</source>
        <translation>差异</translation>
    </message>
    <message>
        <source>Dense only</source>
        <translation>仅稠密</translation>
    </message>
    <message>
        <source>Sparse only</source>
        <translation>仅稀疏</translation>
    </message>
    <message>
        <source>x </source>
        <translation>x </translation>
    </message>
    <message>
        <source>How many times as large the difference is shown</source>
        <translation>差异放大的倍数</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation>%1 / %2</translation>
    </message>
    <message>
        <source> - %1 dB</source>
        <translation> - %1 dB</translation>
    </message>
    <message>
        <source> - equal</source>
        <translation> - 相同</translation>
    </message>
    <message>
        <source>, SSIM %1</source>
        <translation>，SSIM %1</translation>
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
        <source> &amp;nbsp; int8: %1 of %2 heads</source>
        <translation> &amp;nbsp; int8：%2 个头中的 %1 个</translation>
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
    <message numerus="yes">
        <source>This plan holds no profile: the slider goes through the %n stored plan(s) of its folder. A search on your own weights makes one with a profile.</source>
        <translation>
            <numerusform>此方案不含剖析数据：滑块在其文件夹中的 %n 个已存方案之间切换。用您自己的权重搜索可得到带剖析数据的方案。</numerusform>
        </translation>
    </message>
    <message>
        <source>&lt;b&gt;%1: density %2 %&lt;/b&gt; as stated</source>
        <translation>&lt;b&gt;%1：密度 %2 %&lt;/b&gt;（方案所注）</translation>
    </message>
    <message>
        <source>&lt;br&gt;measured: %1</source>
        <translation>&lt;br&gt;实测：%1</translation>
    </message>
    <message numerus="yes">
        <source> &amp;nbsp; &lt;b&gt;PSNR %1 dB&lt;/b&gt;, measured on %n clip(s)</source>
        <translation>
            <numerusform> &amp;nbsp; &lt;b&gt;PSNR %1 dB&lt;/b&gt;，在 %n 个视频上实测</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source> &amp;nbsp; PSNR about %1 dB, from %n measured clip(s) of other plans</source>
        <translation>
            <numerusform> &amp;nbsp; PSNR 约 %1 dB，由其他方案的 %n 个实测视频推算</numerusform>
        </translation>
    </message>
    <message>
        <source>Stored plan %1</source>
        <translation>已保存的方案 %1</translation>
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
    <name>twill::gui::QualityStrip</name>
    <message>
        <source>PSNR %1..%2 dB</source>
        <translation>PSNR %1..%2 dB</translation>
    </message>
    <message>
        <source>SSIM %1..%2</source>
        <translation>SSIM %1..%2</translation>
    </message>
</context>
<context>
    <name>twill::gui::Recovery</name>
    <message>
        <source>The edits are back, but not the profile that their plan had. %1</source>
        <translation>编辑已恢复，但其方案原有的剖析数据未能恢复。%1</translation>
    </message>
</context>
<context>
    <name>twill::gui::SaveFile</name>
    <message>
        <source>%1 came with Twill and stays as it is.</source>
        <translation>%1 随 Twill 提供，保持不变。</translation>
    </message>
    <message>
        <source>%1 is read-only.</source>
        <translation>%1 是只读的。</translation>
    </message>
    <message>
        <source>%1 is in a read-only folder.</source>
        <translation>%1 位于只读文件夹中。</translation>
    </message>
    <message>
        <source>%1 is there already. Replace it?</source>
        <translation>%1 已存在。要替换吗？</translation>
    </message>
    <message>
        <source>These files are there already:
%1
Replace them?</source>
        <translation>以下文件已存在：
%1
要替换吗？</translation>
    </message>
    <message>
        <source>&amp;Replace</source>
        <translation>替换(&amp;R)</translation>
    </message>
    <message>
        <source>%1 is the file that this is made of.</source>
        <translation>%1 正是其来源文件。</translation>
    </message>
</context>
<context>
    <name>twill::gui::SearchPage</name>
    <message>
        <source>The heads&apos; attention maps appear here while they are measured</source>
        <translation>测量时各头的注意力图显示在这里</translation>
    </message>
    <message>
        <source>One prompt a line. Two are enough as a rule.</source>
        <translation>每行一个提示词。一般两个就够。</translation>
    </message>
    <message>
        <source>of dense&apos;s cells (density)</source>
        <translation>占稠密单元的比例（密度）</translation>
    </message>
    <message>
        <source>of dense attention&apos;s time here</source>
        <translation>占此机器稠密注意力时间的比例</translation>
    </message>
    <message>
        <source>&amp;Browse...</source>
        <translation>浏览(&amp;B)...</translation>
    </message>
    <message>
        <source>&amp;Search</source>
        <translation>搜索(&amp;S)</translation>
    </message>
    <message>
        <source>S&amp;top</source>
        <translation>停止(&amp;T)</translation>
    </message>
    <message>
        <source>What was measured is kept; the same search goes on from there.</source>
        <translation>已测量的结果会保留；相同的搜索从那里继续。</translation>
    </message>
    <message>
        <source>&amp;Model</source>
        <translation>模型(&amp;M)</translation>
    </message>
    <message>
        <source>&amp;Prompts</source>
        <translation>提示词(&amp;P)</translation>
    </message>
    <message>
        <source>Se&amp;gments</source>
        <translation>时段(&amp;G)</translation>
    </message>
    <message>
        <source>Values of t</source>
        <translation>t 的取值</translation>
    </message>
    <message>
        <source>Steps</source>
        <translation>步数</translation>
    </message>
    <message>
        <source>P&amp;lan file</source>
        <translation>方案文件(&amp;L)</translation>
    </message>
    <message>
        <source>Plan file</source>
        <translation>方案文件</translation>
    </message>
    <message>
        <source>Plans (*.json)</source>
        <translation>方案 (*.json)</translation>
    </message>
    <message>
        <source>%1, %2 left</source>
        <translation>%1，剩余 %2</translation>
    </message>
    <message>
        <source>No model that runs here was found.</source>
        <translation>没有找到可在此运行的模型。</translation>
    </message>
    <message>
        <source>Write a prompt.</source>
        <translation>请输入提示词。</translation>
    </message>
    <message>
        <source>Name a file for the plan.</source>
        <translation>请为方案指定文件。</translation>
    </message>
    <message>
        <source>The open plan has unsaved edits; open the new one from the menu.</source>
        <translation>打开的方案有未保存的编辑；请从菜单打开新方案。</translation>
    </message>
    <message>
        <source>Stopped. What was measured is kept.</source>
        <translation>已停止。已测量的结果已保留。</translation>
    </message>
    <message>
        <source>&amp;Go on</source>
        <translation>继续(&amp;G)</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>搜索</translation>
    </message>
    <message>
        <source>dB of PSNR against dense, at least</source>
        <translation>dB：相对稠密的 PSNR 下限</translation>
    </message>
    <message>
        <source>times as fast as dense here, at least</source>
        <translation>倍：此机器上相对稠密的加速下限</translation>
    </message>
    <message>
        <source>T&amp;arget</source>
        <translation>目标(&amp;A)</translation>
    </message>
    <message>
        <source>A search is running; closing stops it, and what was measured is kept.</source>
        <translation>正在搜索；关闭会使其停止，已测量的结果会保留。</translation>
    </message>
</context>
<context>
    <name>twill::gui::SettingChoice</name>
    <message>
        <source>%1 steps</source>
        <translation>%1 步</translation>
    </message>
    <message>
        <source>Published for %1 x %2, %3</source>
        <translation>针对 %1 x %2 发布，%3</translation>
    </message>
    <message>
        <source>Published for a start and an end picture, %1</source>
        <translation>针对首尾图片发布，%1</translation>
    </message>
    <message>
        <source>Fast, with a step-distilled LoRA, %1</source>
        <translation>快速，配合步数蒸馏 LoRA，%1</translation>
    </message>
    <message>
        <source>%1 steps, shift %2, guidance %3, %4. %5</source>
        <translation>%1 步，偏移 %2，引导 %3，%4。%5</translation>
    </message>
    <message>
        <source>The model&apos;s own, %1</source>
        <translation>模型自带，%1</translation>
    </message>
    <message>
        <source>What it begins with.</source>
        <translation>最初的设置。</translation>
    </message>
    <message>
        <source>From %1.</source>
        <translation>来自 %1。</translation>
    </message>
    <message>
        <source>Twice the steps of %1, which nobody published.</source>
        <translation>%1 的两倍步数，并非他人发布。</translation>
    </message>
    <message>
        <source>Own</source>
        <translation>自定</translation>
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
        <source>Attention in the video&apos;s grid</source>
        <translation>视频网格中的注意力</translation>
    </message>
    <message>
        <source>The profile holds no attention maps.</source>
        <translation>剖析数据中没有注意力图。</translation>
    </message>
</context>
</TS>
