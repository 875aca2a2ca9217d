#include "cli/clinic/dose_words.h"

#include <stdlib.h>

/* ---- the words
 *
 * Divided by blanks; '_' is a blank inside a word; "-x" and "x-" are parts of longer Latin words. */

static const struct {
    uint32_t classes;
    const char *words;
} WORDS[] = {
    {DOSE_DRUG,
     /* forms */
     "胶囊 片剂 药 丸剂 蜜丸 滴丸 针剂 注射液 注射剂 粉针 颗粒剂 颗粒 口服液 糖浆 混悬液 合剂 冲剂 散剂 "
     "滴剂 滴眼液 滴鼻液 滴耳液 眼膏 软膏 乳膏 膏药 药膏 凝胶 栓剂 气雾剂 喷雾剂 吸入剂 粉雾剂 贴剂 贴片 "
     "洗剂 酊 缓释片 控释片 分散片 肠溶片 咀嚼片 泡腾片 含片 舌下片 膏方 汤剂 冻干粉 溶液 制剂 乳剂 搽剂 "
     "口崩片 薄膜衣片 片 丸 口溶膜 "
     /* what drugs do */
     "止痛 止疼 镇痛 退烧 退热 止咳 化痰 祛痰 止泻 止吐 止血 降压 降糖 降脂 利尿 抗炎 消炎 抗菌 抗病毒 "
     "抗凝 抗过敏 抗酸 抑酸 解热 解痉 镇静 安眠 活血 补血 补钙 补铁 通便 平喘 驱虫 "
     /* stems and names */
     "沙星 霉素 卡因 尿激酶 链激酶 西林 头孢 他汀 普利 沙坦 地平 洛尔 拉唑 康唑 硝唑 替丁 列汀 列净 格列 双胍 单抗 替尼 "
     "昔洛韦 洛韦 他韦 米韦 那韦 韦林 夫定 洛芬 酮芬 氯喹 美沙芬 氨基酚 司匹林 匹林 西泮 唑仑 曲普坦 "
     "拉嗪 他定 利嗪 那敏 麻黄碱 可待因 吗啡 曲马多 米松 尼松 可的松 尼松龙 泼尼松龙 肝素 华法林 沙班 "
     "胰岛素 激素 抗生素 维d 维c 维b 维生素 磺胺 美辛 昔布 昔康 芬酸 酸钠 噻嗪 呋塞米 托拉塞米 螺内酯 硝酸甘油 "
     "地高辛 胺碘酮 茶碱 沙丁胺醇 特罗 奈德 替卡松 司特 司琼 必利 铝碳酸镁 蒙脱石 益生菌 双歧杆菌 乳果糖 "
     "聚乙二醇 格雷 西汀 曲林 普仑 伐辛 氮平 哌酮 硫平 普唑 加巴喷丁 普瑞巴林 卡马西平 丙戊酸 左乙拉西坦 "
     "拉莫三嗪 巴胺 肾上腺素 阿托品 山莨菪碱 氯化钾 氯化钠 生理盐水 葡萄糖 补液盐 甘露醇 硫酸镁 水杨酸 "
     "盐酸 酒石酸 水飞蓟 氢溴酸 枸橼酸 硫酸 马来酸 富马酸 琥珀酸 磷酸 甲磺酸 苯磺酸 醋酸 乙酸 丙酸 叶酸 "
     "碳酸钙 钙片 铁剂 硫酸亚铁 甲钴胺 甲状腺素 咪唑 嘧啶 秋水仙碱 别嘌醇 布司他 溴索 乙酰半胱氨酸 "
     "桉柠蒎 甘草 速尿 尿毒清 补液 kcl nacl 黄连素 小檗碱 达喜 耐信 万托林 百多邦 达克宁 思密达 妈咪爱 "
     "易蒙停 散利痛 钙尔奇 来得时 诺和 拜新同 洛汀新 代文 安博维 科素亚 寿比山 格华止 拜糖平 亚莫利 "
     "达美康 诺和龙 可定 立普妥 波立维 泰嘉 倍林达 拜瑞妥 万艾可 顺尔宁 舒利迭 信必可 普米克 爱全乐 "
     "沐舒坦 富露施 白加黑 快克 泰诺 日夜百服咛 新康泰克 念慈菴 健胃消食 江中 三九 斯达舒 金嗓子 西瓜霜 "
     "云南白药 正红花油 风油精 清凉油 皮炎平 优卓尔 艾洛松 板蓝根 连花清瘟 蒲地蓝 藿香 柴胡 小青龙 "
     "六味地黄 银翘 速效救心 丹参 三七 炉甘石 莫匹罗星 碘伏 阿昔 利巴 金刚烷胺 异烟肼 利福平 乙胺丁醇 "
     "吡嗪酰胺 阿苯达唑 免疫球蛋白 白蛋白注射 二甲硅油 颠茄 地芬诺酯 丁溴 间苯三酚 氟桂利嗪 倍他司汀 "
     "谷维素 褪黑素 右佐匹克隆 佐匹克隆 唑吡坦 安定 异丙嗪 苯海拉明 甲氧氯普胺 胃复安 多潘立酮 硫糖铝 "
     "奥曲肽 生长抑素 氨甲环酸 缩宫素 米索 米非司酮 黄体酮 雌二醇 孕酮片 炔诺酮 左炔诺 二膦酸 膦酸 "
     "骨化三醇 阿法骨化 鱼油 辅酶 "
     /* English */
     "-cillin -cillins -mycin -floxacin -oxacin -statin -pril -sartan -dipine -olol -azole -tidine "
     "-profen cef- ceph- -cef -pam -lam -triptan -gliptin -gliflozin -formin -parin -xaban -cycline -vir "
     "-sone -solone -sonide -terol -lukast -setron -pramide -thiazide -semide -zepam -oxetine -traline "
     "-pidem -codone -morphine codeine morphine aspirin acetaminophen paracetamol tylenol warfarin "
     "insulin heparin nitroglycerin digoxin steroid steroids antibiotic antibiotics drug drugs medicine "
     "medication medications tablet tablets capsule capsules pill pills syrup ointment nsaid nsaids "
     "vitamin prescription loratadine -rizine montelukast albuterol salbutamol "},
    {DOSE_TAKING,
     "口服 含服 吞服 冲服 嚼服 顿服 送服 分服 温服 煎服 泡服 调服 兑服 内服 服用 服药 服 用药 用量 用法 "
     "剂量 药量 给药 给予 予以 予 外用 外涂 涂抹 涂擦 外敷 静滴 静注 静推 静点 静脉 滴注 输液 输注 推注 "
     "泵入 肌注 肌肉注射 肌内注射 皮下 皮内 注射 打针 雾化 吸入 滴眼 滴鼻 滴耳 点眼 喷鼻 含化 含漱 舌下 "
     "灌肠 塞肛 纳肛 直肠给药 阴道给药 吃药 吃 嚼 嚼碎 喂服 喂药 使用 应用 选用 加用 改用 换用 联用 合用 "
     "可用 先用 试用 酌用 连用 加服 开具 处方 医嘱 口含 吞下 起始 维持量 负荷量 加量 减量 最大量 极量 "
     "推荐量 常用量 成人量 儿童量 首剂 每剂 上限 take takes taken taking give given administer "
     "administered dose doses dosage dosing inject injected apply inhale oral orally iv im po sc "
     "subcutaneously intravenously intramuscularly intravenous prescribe prescribed dissolve sig rx use "
     "swallow by_mouth sublingual starting initial maximum max "},
    {DOSE_MEASURED,
     "饮酒 饮水 喝水 喝酒 水量 饮料 酒精 奶量 食盐 钠盐 蛋白质 膳食纤维 糖分 摄入 入量 出量 肺活量 "
     "心输出量 射血分数 血糖 血红蛋白 血小板 血钾 血钙 血脂 血氧 胆固醇 甘油三酯 蛋白尿 尿蛋白 尿酸 肌酐 "
     "尿素 胆红素 转氨酶 白蛋白 血清 血浆 白细胞 化验 检验 检测 测得 正常值 参考值 参考范围 浓度 水平 "
     "抗体 滴度 载量 alt ast crp hcg tsh psa ck ldh afp cea ca125 ca199 hba1c hb wbc plt esr egfr bnp "
     "inr 激素水平 甲状腺激素 性激素 雌激素水平 地高辛浓度 药物浓度 血药浓度 献血 输血 滤过率 清除率 抽血 采血 血样 标本 "
     "alcohol glucose hemoglobin protein weight volume fluid salt ferritin cholesterol creatinine "
     "albumin platelet level levels "},
    {DOSE_SUBSTANCE,
     "烟 香烟 卷烟 酒 啤酒 白酒 红酒 黄酒 水 饮 茶 咖啡 汤 奶 奶粉 母乳 吃奶 喂奶 痰 咳痰 尿 尿量 血尿 "
     "小便 大便 排便 粪便 便血 黑便 血便 稀便 稀水便 出血 失血 咯血 呕血 鼻血 流血 血量 月经 经量 经血 "
     "恶露 卫生巾 护垫 纸巾 积液 腹水 胸水 引流 渗液 残余 胃液 胆汁 呕吐物 呕吐量 汗 盐 油 肉 蛋 主食 "
     "蔬菜 进食 重量 体积 容积 容量 大小 流量 检查 指数 结节 囊肿 肿块 血管 皮疹 红斑 斑片 阴影 影像 "
     "胸片 胸部平片 腹部平片 腹平片 胸平片 ct平片 X线平片 X光片 切片 拍片 照片 摄片 底片 玻片 薄片 大片 "
     "成片 斑 癣 淤青 瘀斑 鳞屑 湿疹 x光片 x线片 x片 ct片 mri片 涂片 睾丸 血栓 粒细胞 smoke smokes "
     "smoking cigarette cigarettes wine beer water urine sputum blood milk coffee packs "},
    {DOSE_MEASURED | DOSE_TAKEN_TOO,
     "葡萄糖耐量 口服葡萄糖耐量 口服葡萄糖耐量试验 糖耐量 糖耐 糖筛 葡萄糖负荷 无水葡萄糖 葡萄糖粉 "
     "负荷试验 激发试验 造影 ogtt 呼气试验 饼干 面包 鸡蛋 方便面 牛奶 水果 米饭 粥 馒头 蛋糕 西瓜 苹果 "
     "香蕉 饭 "},
    {DOSE_SYMPTOM,
     "痛 疼 咳 吐 泻 呕 痒 晕 喘 麻 发作 抽搐 惊厥 心悸 心慌 症状 起夜 夜尿 排尿 尿频 胎动 宫缩 发热 "
     "发烧 发病 测量 监测 测 复查 查 随访 就诊 复诊 换药 换尿布 锻炼 运动 散步 走路 洗 刷牙 漱口 透析 "
     "血透 进餐 用餐 加餐 三餐 喂养 睡眠 睡觉 午睡 醒 哭 哭闹 打嗝 嗳气 反酸 烧心 排气 腹泻 呕吐 头痛 "
     "腹痛 咳嗽 喷嚏 流涕 盗汗 潮热 惊醒 憋醒 眩晕 晕厥 跌倒 水肿 水痘 水疱 尿路 尿道 血压 便秘 里急后重 "
     "脓血便 水样便 失禁 遗尿 遗精 性生活 出现 记录 观察 热敷 冷敷 翻身 拍背 深呼吸 提肛 按摩 理疗 康复 "
     "训练 护理 清洁 冲洗 工作 上班 pain cough vomiting diarrhea diarrhoea headache dizziness vomits "
     "stool stools urinate urinates urination exercise check checks measure monitor monitored attack "
     "attacks episode episodes seizure seizures walk walks awakens meals "},
    {DOSE_AFTER, "后 仍 出现 引起 导致 但 却 期间 无效 未见 不见 未缓解 可缓解 缓解 after but still "},
    {DOSE_PAST, "后 前 没 未 无 还 仍 不见 不 以来 以上 "},
    {DOSE_MARKUP, "text mathrm rm nbsp; &nbsp; br b strong em span td p "},
    {DOSE_CONDITION,
     "时 高时 低时 升高时 偏高时 过高时 多时 重时 明显时 加重时 者 的话 则 患者 病人 患儿 儿童 成人 "
     "剧烈时 严重时 发作时 发作期 急性期 "},
    {DOSE_UNIT,
     "mg mgs mcg ug ugs 毫克 微克 iu u 万u 万iu 单位 万单位 国际单位 milligram milligrams microgram "
     "micrograms tab tabs tablet tablets capsule capsules cap caps pill pills puff puffs drops teaspoon "
     "teaspoons tsp tablespoon tablespoons tbsp sachet sachets vial vials suppository suppositories 喷 "
     "揿 豪克 毫刻 亳克 豪升 haoke haosheng packet packets teaspoonful teaspoonfuls tablespoonful "
     "lozenge lozenges dose doses 毫g "},
    {DOSE_LOOSE_UNIT,
     "g 克 ml 毫升 cc 公克 片 粒 丸 颗 袋 包 支 滴 吸 贴 枚 瓶 盒 勺 匙 剂 付 帖 服 胶囊 颗粒 针 "
     "gram grams gm gms milliliter milliliters millilitre millilitres unit units drop ampoule ampoules "
     "spray sprays patch patches # 钱 板 小包 小袋 小勺 汤匙 茶匙 安瓿 "},
    {DOSE_NO_UNIT,
     "片状 片影 片阴影 片高 片低 片区 片段 片面 片样 片红 片皮 片湿 片斑 片瘀 片脱 片白 片黑 片空 片模 "
     "片混 片茫 片淤 粒细 粒状 粒径 丸状 颗粒细胞 颗粒管型 颗粒状 颗牙 颗痣 颗痘 颗结石 袋装 袋状 袋鼠 "
     "包块 包括 包含 包皮 包膜 包裹 包虫 包涵 包茎 支气 支架 支持 支撑 支原 支扩 支血管 支冠 支病变 滴度 "
     "滴虫 滴漏 喷射 喷嚏 喷门 吸气 吸烟 吸毒 吸收 吸入 吸附 吸痰 吸氧 吸奶 吸吮 服用 服药 服后 针刺 "
     "贴壁 贴近 贴合 枚红 枚结节 枚淋巴 枚支架 枚牙 枚卵 枚胚 瓶颈 勺状 克隆 克雷 克罗 克山 克服 克制 "
     "克氏 单位时间 剂量 剂型 付出 付费 服务 针对 针状 针尖 针眼 针灸 张口 张力 板状 升高 升至 升主 升为 "
     "升到 升降 盒子 服药后 毫升烟 钱币 钱包 支烟 支香烟 包烟 瓶啤酒 瓶白酒 杯 "},
    {DOSE_EACH,
     "每次量 每次 每回 每顿 每餐 每服 一次 1次 一回 单次 首剂 首次 每剂 一剂 每片 每粒 每支 每袋 每包 "
     "日服 早服 晚服 早上服 晚上服 各 "},
    {DOSE_DAY,
     "每日 每天 一日 一天 1日 1天 每晚 每早 每晨 每周 每星期 每礼拜 每月 一周 一星期 每24小时 24小时内 "
     "日 日总量 每夜 一曰 每曰 每ri 每_ri 每日总量 日剂量 daily per_day a_day each_day every_day "
     "each_night every_night nightly each_morning every_morning weekly "},
    {DOSE_TIMING,
     "睡前 临睡前 临睡 晨起 早晨 清晨 早上 上午 中午 下午 傍晚 晚上 夜间 早晚 早中晚 早午晚 早 午 中 晚 "
     "饭前 饭后 餐前 餐后 餐中 随餐 空腹 早饭后 午饭后 晚饭后 早餐后 午餐后 晚餐后 早饭前 晚饭前 早餐前 "
     "晚餐前 早餐 午餐 晚餐 三餐后 三餐前 三餐 两餐间 半小时 痛时 疼时 疼痛时 头痛时 发热时 发作时 "
     "必要时 需要时 立即 立刻 即刻 隔日 隔天 隔晚 隔周 in_the_morning at_night "},
    {DOSE_MOMENT,
     "睡前 临睡前 临睡 每晚 每早 每晨 每夜 隔日 隔天 隔晚 晨起 空腹 晨起空腹 饭前 饭后 餐前 餐后 早餐前 "
     "早餐后 晚餐前 晚餐后 午餐后 早饭后 晚饭后 早饭前 早餐 随餐 三餐前 三餐后 三餐时 in_the_morning "
     "in_the_evening at_night at_noon before_breakfast after_breakfast before_dinner after_dinner 每天 "
     "每日 每周 早晚 "},
    {DOSE_TIMES, "次 回 遍 顿 剂 times time x × doses "},
    {DOSE_SPAN,
     "小时 个小时 钟头 个钟头 h hr hrs hour hours 天 日 d day days 周 个周 星期 个星期 礼拜 个礼拜 week "
     "weeks wk wks 月 个月 month months 疗程 个疗程 分钟 min minutes 晚 夜 晨 night nights "},
    {DOSE_PERIOD,
     "次 日 天 d day 晚 周 wk week 星期 月 小时 h hr hour 片 粒 支 袋 包 瓶 盒 剂 dose 24h 24小时 tablet "
     "tab 12h 8h 6h 顿 餐 回 早 "},
    {DOSE_PERIOD | DOSE_BODY, "kg 公斤 千克 公斤体重 kg体重 m2 平方米 "},
    {DOSE_VOLUME, "l dl ml ul 升 分升 毫升 微升 mmol mol 100ml 100g g mg 分 秒 s hp 高倍 视野 低倍 "},
    {DOSE_COURSE | DOSE_SURE,
     "连用 连服 连吃 连续用 连续服 连续吃 连续服用 连续使用 连续应用 连续用药 连续口服 疗程 疗程为 "
     "疗程一般 一疗程 总疗程 "},
    {DOSE_COURSE,
     "用药 服药 服用 口服 共 使用 应用 持续用药 持续服用 维持 坚持服用 坚持用药 共服 共用 共计 吃 用 服 "
     "治疗 x × for "},
    {DOSE_FILLER,
     "约 大约 为 是 服用 服 口服 用 吃 给 给予 予 给药 使用 应用 共 各 量 即 : = 的 按 以 分 最多 不超过 "
     "别超过 不能超过 不得超过 勿超过 不宜超过 不多于 可以 能 喝 / 涂抹 涂擦 搽 抹 敷 点 含漱 嚼 嚼碎 "
     "至少 最大 可 可服 应服 建议 内 仅 about take is of to a an the 总共 总量 静滴 静注 肌注 注射 "
     "皮下注射 吸入 雾化 吸 喷 涂 外用 外涂 滴 含服 含 冲服 嚼服 温服 左右 一般 通常 常用 共服 取 ( ) [ "
     "] ~ "},
    {DOSE_ABBREVIATION,
     "qd bid tid qid tds bds qds qn qod hs prn stat q.d. b.i.d. t.i.d. q.i.d. q.o.d. q.n. h.s. p.r.n. "
     "biw tiw qw qm qam qpm q.d b.i.d st. st! t.i.d q.i.d "},
    {DOSE_RATE,
     "once_daily twice_daily once_a_day twice_a_day thrice_daily once_per_day twice_per_day once_weekly "
     "once_a_week twice_a_week at_bedtime before_bed before_bedtime every_day every_morning every_night "
     "every_other_day every_evening as_needed when_needed daily nightly before_meals after_meals "
     "with_meals with_food per_day a_day each_day three_times_daily once_every_day "},
    {DOSE_NUMBER,
     "one two three four five six seven eight nine ten twelve fifteen twenty thirty fifty hundred "
     "thousand half half_a half_an quarter_of_a one_half a_half a_couple_of a_few several a an "
     "twenty-five "},
    {DOSE_EVERY, "每 每隔 间隔 隔 every each "},
    {DOSE_LABEL, "剂量 用量 药量 负荷量 维持量 起始量 初始量 日剂量 每次量 剂量为 单次剂量 dose dosage "},
    {DOSE_SERVE,
     "服 服用 口服 含服 顿服 吞服 用 使用 用药 吃 吃药 服药 外用 外涂 涂 涂抹 注射 皮下注射 一次 1次 "
     "各一次 各1次 滴 喷 吸入 雾化 各 给药 take "},
};

/* ---- loading */

static bool is_wide(uint32_t c) {
    return c >= 0x80;
}

/* One word as written in the table, or a drug's name. */
static bool add_word(struct dose_words *words, struct arena *arena, struct span word, uint32_t classes,
                     bool is_written) {
    struct dose_word *items = arena_grow(arena, words->items, words->count, sizeof *items);
    uint32_t *codes = arena_new(arena, (word.length + 1) * sizeof *codes);
    if (!items || !codes) return false;
    struct dose_word added = {.codes = codes, .classes = classes};
    for (size_t at = 0; at < word.length;) {
        uint32_t c = 0xFFFD, second;
        size_t bytes = utf8_read(span_between(word, at, word.length), &c);
        bool joins = is_written && c == '-' && (at == 0 || at + 1 == word.length);
        if (joins && at == 0) added.starts_inside = true;
        if (joins && at > 0) added.ends_inside = true;
        if (is_written && c == '_') c = ' ';
        at += bytes ? bytes : 1;
        uint32_t folded = dose_fold(c, &second);
        if (!joins && folded) codes[added.length++] = folded;
    }
    words->items = items;
    if (added.length) items[words->count++] = added;
    return true;
}

static int compare_words(const void *left, const void *right) {
    const struct dose_word *a = left, *b = right;
    if (a->codes[0] != b->codes[0]) return a->codes[0] < b->codes[0] ? -1 : 1;
    return a->codes < b->codes ? -1 : a->codes > b->codes;
}

bool dose_words_open(struct dose_words *words, struct arena *arena, const struct wordlist *drugs) {
    *words = (struct dose_words){0};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        const char *word = WORDS[i].words;
        for (size_t length; *word; word += length + 1) {
            length = strcspn(word, " ");
            if (!add_word(words, arena, (struct span){word, length}, WORDS[i].classes, true)) return false;
            if (!word[length]) break;
        }
    }
    for (size_t i = 0; i < drugs->n_words; i++)
        if (!add_word(words, arena, drugs->words[i].text, DOSE_DRUG, false)) return false;
    qsort(words->items, words->count, sizeof *words->items, compare_words);
    return true;
}

/* ---- matching */

/* Whether gaps may stand between two characters of a word: beside a Chinese one, and in "m g", "b i d". */
static bool may_part(const struct dose_word *word, size_t at) {
    return is_wide(word->codes[at - 1]) || is_wide(word->codes[at]) || word->length <= 3 ||
           word->codes[at] == '.' || word->codes[at - 1] == '.';
}

/* The position behind a blank of a word, where gaps or a hyphen stand. */
static size_t skip_blank(struct dose_text *text, size_t at) {
    size_t end = skip_gaps(text, at);
    return end == at && dose_text_at(text, at) == '-' ? at + 1 : end;
}

/* The position behind the gaps, or the dot or dash, inside a word: "m.g", "b-i-d". */
static size_t skip_parting(struct dose_text *text, size_t at) {
    uint32_t c = dose_text_at(text, at);
    return c == '.' || c == '-' || c == '/' ? at + 1 : skip_gaps(text, at);
}

/* The position behind the word at `at`, or `at`. */
static size_t match(const struct dose_word *word, struct dose_text *text, size_t at) {
    uint32_t first = word->codes[0], last = word->codes[word->length - 1];
    if (is_latin_letter(first) && !word->starts_inside && is_latin_letter(dose_text_before(text, at)))
        return at;
    size_t end = at;
    for (size_t i = 0; i < word->length; i++) {
        if (word->codes[i] == ' ') {
            size_t behind = skip_blank(text, end);
            if (behind == end) return at;
            end = behind;
            continue;
        }
        if (i > 0 && word->codes[i - 1] != ' ' && dose_text_at(text, end) != word->codes[i] &&
            may_part(word, i))
            end = skip_parting(text, end);
        if (dose_text_at(text, end) != word->codes[i]) return at;
        end++;
    }
    bool cut = is_latin_letter(last) && !word->ends_inside && is_latin_letter(dose_text_at(text, end));
    return cut ? at : end;
}

/* The first word that begins with c. */
static size_t first_with(const struct dose_words *words, uint32_t c) {
    size_t low = 0, high = words->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (words->items[middle].codes[0] < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t dose_word(const struct dose_words *words, struct dose_text *text, size_t at, uint32_t classes,
                 uint32_t *found) {
    size_t longest = at;
    uint32_t c = dose_text_at(text, at), met = 0;
    if (c == 0) return at;
    for (size_t i = first_with(words, c); i < words->count && words->items[i].codes[0] == c; i++) {
        const struct dose_word *word = &words->items[i];
        if (!(word->classes & classes)) continue;
        size_t end = match(word, text, at);
        if (end == at || end < longest) continue;
        met = end > longest ? word->classes : met | word->classes;
        longest = end;
    }
    if (found) *found = met;
    return longest;
}
